# The script's output, on its way from the record to us.

# Opened before the script starts, for it may remove them.
logs() { exec 6<"$dir/stdout" 7<"$dir/stderr"; }
# Copies what is new in the logs, up to so many blocks; says in `more` whether that may not be all. What the script left
# running may write for ever, and faster than the line carries. `dd` takes no byte more than it hands on; toybox may have
# none. Who reads from 6 and 7 shares their offsets: the next one goes on where this one was.
blocks=256
if command -v dd >/dev/null; then
  take() { dd bs=65536 count=$blocks; }
else
  take() { cat; }
fi
copy() {
  more=''
  for f in 6 7; do
    e=$(take 2>&1 <&$f >&$((f - 2))) || return
    case $e in "$blocks+"*) more=1 ;; esac
  done
}
flush() { copy; }
# The size of log $1, in n. The script may have removed it.
size() { n=$(wc -c <"$1") && n=$((n)) || n=-; }
# So many blocks that nothing is left of logs of the sizes $1 and $2.
all_of() {
  case $1$2 in
    *-*) blocks=999999999 ;;
    *) blocks=$((($1 + $2) / 65536 + 2)) ;;
  esac
}
pump() {
  # Two guards may pump the same logs, each with a mark of its own.
  over='' n=0 seen=$dir/seen.$$
  trap 'over=1; kill -s KILL $!' USR1
  until [ "$over" ] || ! kill -s 0 $$; do
    # Not newer than both logs: it may have missed something. Now and then it looks anyway, for clocks do step back.
    # shellcheck disable=SC3013
    if [ "$n" -lt 20 ] && [ "$seen" -nt "$dir/stdout" ] && [ "$seen" -nt "$dir/stderr" ]; then
      n=$((n + 1))
    else
      n=0
      : >"$seen"
      flush || exit 9
      [ -z "$more" ] || { n=20; continue; }
    fi
    pause=$tick
    [ "$n" -gt 5 ] && [ $ticks = 10 ] && pause=0.5
    sleep $pause &
    wait $!
  done
}
