# A script in parts, one after the other. Sent only for such a script, after the functions of which it replaces some.
#
# The leader of the script's session is an awk, which starts each part and learns how it ended. `supervise` writes its
# messages to the file `parts` of the run directory. Every guard, whether it started the script or attached to it,
# reports from that file.

# A part does not see the pipe. Ending the group also ends the leader, so that no further part starts. If a part removed
# the folder, the next part is not found; that gives no part a status. A barrier is open when the file `go-N` exists. If
# the guard dies, nothing keeps the time at a barrier, so the leader gives up. A part that could not be started, because
# the host has too many processes, has no status.
# shellcheck disable=SC2016
lead='
  BEGIN {
    for (n = 1; n < ARGC - 2; n++) {
      barrier = sub(/:$/, "", ARGV[n + 2])
      if (system("[ -f \"$fw_self\" ] && echo part " n " begun " ARGV[n + 2])) {
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
# The guard that started the script limits how long it is held. The time starts again whenever a client, of this or of
# another guard, says that it still waits. So a script is not held for ever for a client that vanished silently.
held='' clock='' now='' hold=315360000

logs() {
  exec 6<"$dir/stdout" 7<"$dir/stderr"
  : >>"$dir/parts"
  exec 8<"$dir/parts"
  # An attached guard reads the file twice: to report it, and first to learn whether the script is held, before a clock
  # runs.
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
# A line is reported after all output that came before it.
flush() {
  lines=''
  while l='' && read -r l <&8 || [ "$l" ]; do lines=$lines$l$nl; done
  [ -z "$lines" ] || {
    size "$dir/stdout"
    f=$n
    size "$dir/stderr"
    all_of "$f" "$n"
  }
  copy || return
  blocks=256
  while [ "$lines" ]; do
    say "${lines%%"$nl"*}"
    lines=${lines#*"$nl"}
  done
}
# While the script is held, its own time does not run.
time_up() {
  nap='' again=1
  # shellcheck disable=SC2154
  trap 'again=1; kill -s KILL $nap' USR1
  # The signal may be sent only from here on.
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
      # On a full disk the line is reported at once: nobody would open the barrier otherwise.
      echo "$word $b" >>"$dir/parts" || say "$word $b"
      heard
      ;;
    tick) [ -z "$attached" ] || catch_up ;;
    # How the script ended. It counts only when the leader has ended, too.
    how) how="$a $b" ;;
    go)
      case $a$b in
        '' | *[!0123456789]*) ;;
        # Written atomically, because other readers do not wait. On a full disk it stays empty, which grants the whole
        # deadline.
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
  # Makes the pump look for the line at once.
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
# Takes a line of `parts`: the last one says whether the script is held.
heard() {
  news=1 now=''
  [ "$word" = part ] || now=$a
}
catch_up() { while read -r word a b <&9; do heard; done; }
