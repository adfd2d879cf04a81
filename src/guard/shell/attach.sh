# Attaches to an earlier attempt: starts nothing, and reports its end.

# Ensures that nothing will start from the run directory $1, by a folder in the script's place. False if it started
# before.
bury() {
  for n in 1 2 3; do
    [ -d "$1/script" ] && break
    rm -f "$1/script"
    e=$(words mkdir "$1/script" 2>&1)
  done
  process "$1"
  [ -z "$group" ] || return
  [ -d "$1/script" ] || no_write "$e"
  guard_alive && kill -s KILL "$p_guard"
  return 0
}
void() {
  bury "$dir" || return
  refuse never-started "no guard of $run-$attempt has started the script on this host, and none will"
}
# Looks for the attempt. If it was never made, a void run directory ensures that it never will be.
seek() {
  [ -d "$dir" ] && attach
  e=$(words mkdir "$dir" 2>&1) && void
  [ -d "$dir" ] && attach
  no_write "$e"
}
# The run directory exists: the attempt was made before, and is not started again.
attach() {
  attached=1
  unlock
  e=$host
  recall "$dir/host" e
  [ "$e" = "$host" ] || [ -z "$host" ] ||
    refuse no-home "$dir is ${e}'s, which shares this home folder"
  n=$((10 * ticks))
  until process "$dir"; [ "$group" ]; do
    # The guard that made it is about to start the script, died before it could, or waits in vain for the rest of it.
    guard_alive || n=$((n - 4))
    n=$((n - 1))
    if [ $n -le 0 ] || [ -d "$dir/script" ]; then void; fi
    sleep $tick
  done
  mark=$p_guard.$p_gbirth
  birth $$
  own="$$ $b"
  record "$dir/attached" "$own" || recall "$dir/attached" own
  head -c "$size" >/dev/null
  previous=-
  recall "$dir/previous" previous
  printf '\036%s started\n' "$nonce" >&5
  say "started $group $previous"
  exec 3<&0
  logs
  {
    keepers
    follow 4>&- 5>&-
    exec >/dev/null
    wait
  } | supervise
  exit
}

# Follows a script that another guard started, to its end.
follow() {
  echo "pid $group"
  a=-
  [ "$p_boot" = "$boot" ] || a=reboot
  until [ -e "$dir/end" ]; do
    if ! guard_alive && ! script_alive; then
      # Parts of that guard may have outlived its recorded process, and be writing the end just now.
      sleep 1
      [ -e "$dir/end" ] || break
    fi
    # A later attach means that the client gave up this connection, even if this host does not know it yet.
    e=$own
    recall "$dir/attached" e
    [ "$e" = "$own" ] || echo gone
    sleep $tick
    # `supervise` stops reading when it no longer has a client.
    echo tick || break
  done
  echo "end unknown $a"
}
