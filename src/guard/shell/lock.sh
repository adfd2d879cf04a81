# One run of an app at a time.

# A later attempt of the same run means that the client has given up the earlier one, which this host may not know yet.
# The earlier guard then waits in vain for the rest of its script, and is ended.
waits=0
busy() {
  case $1 in
    "$run-"*[!0123456789]*) ;;
    "$run-"*)
      e=$state/runs/$1
      process "$e"
      waits=$((waits + 1))
      [ "${1##*-}" -lt "$attempt" ] && [ -z "$group" ] && [ $waits -lt 30 ] && guard_alive && bury "$e" && sleep $tick && return
      ;;
  esac
  refuse busy "run $1 of $app is still under way"
}

# The kernel releases flock however the guard ends. Without flock, or on a file system without locks, the lock is a
# symbolic link: making one is atomic, and its target names the owner. A link whose owner is dead is taken over.
lock() {
  holder=''
  if command -v flock >/dev/null; then
    exec 9>>"$state/lock"
    e=$(words flock -n 9 2>&1)
    case "$? $e" in
      '0 '*)
        locked=flock
        echo "$run-$attempt" >"$state/lock"
        return
        ;;
      # The file system has no locks (NFS). Some tools say so with status 1; util-linux uses another status.
      '1 '*'No locks'* | '1 '*'ot supported'* | '1 '*'ot implemented'*) ;;
      '1 '*)
        recall "$state/lock" holder
        busy "${holder:-(unknown)}"
        lock
        return
        ;;
    esac
  fi
  birth $$
  me="$boot $$ $b $run-$attempt"
  tries=0
  until ln -s "$me" "$state/owner"; do
    tries=$((tries + 1))
    [ $tries -lt 9 ] || no_write "cannot make $state/owner"
    them=$(readlink "$state/owner") || continue
    # shellcheck disable=SC2086
    set -- $them
    [ "$1" = "$boot" ] && alive "$2" "$3" && {
      busy "$4"
      continue
    }
    # Two guards may find the link stale. The target of the link that was moved away decides whether it was.
    mv "$state/owner" "$state/owner.$$" || continue
    [ "$(readlink "$state/owner.$$")" = "$them" ] || { mv "$state/owner.$$" "$state/owner"; busy '(unknown)'; }
    rm -f "$state/owner.$$"
  done
  locked=symlink
}
unlock() {
  case $locked in
    flock) flock -u 9 ;;
    symlink) rm -f "$state/owner" ;;
  esac
  locked=''
}
# Refuses if an earlier attempt has no end, or outlived its killing: its guard is dead, but its script may not be.
unfinished() {
  for d in "$state"/runs/*/; do
    process "$d"
    e=''
    recall "$d/end" e
    case $e in
      *' none '* | *' gone '*) ;;
      *) d=${d%/}; script_alive && busy "${d##*/}" ;;
    esac
  done
}
