# Copies the script's output from the record to the connection.

# Opened before the script starts, because it may remove them.
logs() { exec 6<"$dir/stdout" 7<"$dir/stderr"; }
# Copies what is new in the logs, at most $blocks blocks of each, and sets `more` if there may be more. A process that
# the script left running may write for ever, faster than the connection carries. `dd` reads no byte that it does not
# write; toybox may lack it. Whatever reads descriptors 6 and 7 shares their offsets, so each read continues where the
# last one ended.
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
# The size of log $1, in n; `-` if the script has removed it.
size() { n=$(wc -c <"$1") && n=$((n)) || n=-; }
# Allows enough blocks to copy all of logs of the sizes $1 and $2.
all_of() {
  case $1$2 in
    *-*) blocks=999999999 ;;
    *) blocks=$((($1 + $2) / 65536 + 2)) ;;
  esac
}
pump() {
  # Two guards may pump the same logs, each with its own mark.
  over='' n=0 seen=$dir/seen.$$
  trap 'over=1; kill -s KILL $!' USR1
  until [ "$over" ] || ! kill -s 0 $$; do
    # A mark that is not newer than both logs may have missed something. Clocks may step back, so it sometimes looks
    # anyway.
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
