# A script in parts, one behind the other. Sent only then, behind the functions of which it replaces some.
#
# The leader of the script's session is an awk, which starts each part and learns how it ended. What it says goes to
# `supervise`, which writes it to the file `parts` of the run directory. From there every guard, be it the one that
# started the script or not, takes what it tells.

# A part knows nothing of the pipe. Who ends the group ends the leader with it, so that nothing is started any more.
# Where a part removed the folder, what is behind it is not found any more; that is no part's status. A barrier is open
# when there is a file `go-N`. Without the guard nobody would keep the time, so nobody waits then. A part that could not
# be started, for the host has too many processes, has no status of its own.
# shellcheck disable=SC2016
lead='
  BEGIN {
    for (n = 1; n < ARGC - 2; n++) {
      barrier = sub(/:$/, "", ARGV[n + 2])
      if (system("[ -e \"$fw_self\" ] && echo part " n " begun " ARGV[n + 2])) {
        r = "unknown -"
        break
      }
      r = told("set -- \"$fw_self\"; unset fw_self; exec sh \"$1\" " n " </dev/null >&6 2>&7 6>&- 7>&-")
      if (r ~ /-|untold/) r = "unknown -"
      system("d=${fw_self%/*}; o=$(wc -c <\"$d/stdout\") || o=-; e=$(wc -c <\"$d/stderr\") || e=-; echo part " n " ended " r " $o $e")
      if (r != "exit 0") break
      if (barrier && system("echo held " ++held "; until [ -e \"${fw_self%/*}/go-" held "\" ]; do kill -s 0 ${FLEETWIDE_GUARD%%.*} && { sleep 0.1 || sleep 1; } || exit; done")) {
        r = "unknown -"
        break
      }
    }
    print "how", r
  }'
becomes="fw_self=\$2; export fw_self
exec awk '$exact$lead' \"\$@\""
# The guard that started the script keeps the time for which it is held: that starts again whenever somebody, here or at
# another guard, says that it is waited for. So it is not held for ever for somebody who is gone and never said so.
held='' clock='' now='' hold=315360000

logs() {
  exec 6<"$dir/stdout" 7<"$dir/stderr"
  : >>"$dir/parts"
  exec 8<"$dir/parts"
  # What another guard writes is read twice: to be told, and to be known here, first of all before a clock runs.
  [ -z "$attached" ] || {
    exec 9<"$dir/parts"
    catch_up
    held=$now
    [ -z "$held" ] || deadline=$hold
    return
  }
  hold=$deadline
  [ "$hold" -ge 60 ] || hold=60
}
# A line is told when all output that was there before it is.
flush() {
  lines=''
  while l='' && read -r l <&8 || [ "$l" ]; do lines=$lines$l$nl; done
  [ -z "$lines" ] || {
    size "$dir/stdout"
    size1=$n
    size "$dir/stderr"
    all_of "$size1" "$n"
  }
  copy || return
  blocks=256
  while [ "$lines" ]; do
    say "${lines%%"$nl"*}"
    lines=${lines#*"$nl"}
  done
}
# While the script is held its own time does not run.
time_up() {
  nap='' again=1
  # shellcheck disable=SC2154
  trap 'again=1; kill -s KILL $nap' USR1
  # Only now may it be sent.
  sh -c 'echo clock "$PPID"'
  while [ "$again" ]; do
    again='' limit=$deadline
    recall "$dir/limit.$$" limit
    sleep "$limit" &
    nap=$!
    [ -z "$again" ] || kill -s KILL "$nap"
    wait "$nap"
    nap=''
    [ "$again" ] || { rm "$dir/waited" && again=1; }
  done
}
other() {
  now=$held news=''
  case $word in
    part | held)
      case $b in
        'ended signal '*)
          # shellcheck disable=SC2086
          set -- $b
          b=$(kill -l "$3") && b="ended signal ${b#SIG} $4 $5"
          ;;
      esac
      b=$a${b:+ $b}
      # On a full disk it is told at once: nobody would open the barrier otherwise.
      echo "$word $b" >>"$dir/parts" || say "$word $b"
      heard
      ;;
    tick) [ -z "$attached" ] || catch_up ;;
    # How the script ended, once its leader has, too.
    how) how="$a $b" ;;
    go)
      case $a$b in
        '' | *[!0123456789]*) ;;
        # Whole, for its other readers do not wait; empty on a full disk, which is all of the time.
        *)
          rm -f "$dir/waited"
          record "$dir/go-$a" "$b" || : >"$dir/go-$a"
          ;;
      esac
      ;;
    waited) [ -z "$held" ] || : >"$dir/waited" ;;
    clock)
      clock=$a
      [ -e "$dir/limit.$$" ] && kill -s USR1 "$clock"
      ;;
  esac
  # The pump is to look for it now.
  [ -z "$news" ] || rm -f "$dir/seen.$$"
  [ "$now" = "$held" ] && return
  limit=$hold
  [ "$now" ] || { limit=$deadline; recall "$dir/go-$held" limit; }
  held=$now
  set_clock "$limit"
}
set_clock() {
  echo "$1" >"$dir/limit.$$"
  [ -z "$clock" ] || kill -s USR1 "$clock"
}
# A line of `parts`: the last one says whether the script is held.
heard() {
  news=1 now=''
  [ "$word" = part ] || now=$a
}
catch_up() { while read -r word a b <&9; do heard; done; }
