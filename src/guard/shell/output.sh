# The script's output, on its way from the record to us.

# Opened before the script starts, for it may remove them.
logs() { exec 6<"$dir/stdout" 7<"$dir/stderr"; }
# Copies what is new in the logs. Who reads from 6 and 7 shares their offsets: the next one goes on where this one was.
flush() { cat <&6 >&4 && cat <&7 >&5; }
pump() {
  # Two guards may pump the same logs, each with a mark of its own.
  over='' n=0 seen=$dir/seen.$$
  trap 'over=1; kill -s KILL $!' USR1
  until [ "$over" ] || ! kill -s 0 $$; do
    # Not newer than both logs: it may have missed something. Now and then it looks anyway, for clocks do step back.
    # shellcheck disable=SC3013
    if [ $n -lt 20 ] && [ "$seen" -nt "$dir/stdout" ] && [ "$seen" -nt "$dir/stderr" ]; then
      n=$((n + 1))
    else
      n=0
      : >"$seen"
      flush || exit 9
    fi
    pause=$tick
    [ $n -gt 5 ] && [ $ticks = 10 ] && pause=0.5
    sleep $pause &
    wait $!
  done
}
