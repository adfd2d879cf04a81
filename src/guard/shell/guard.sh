# The guard: runs one script on this host, at most once, and reports its true end.
#
# It arrives on stdin, as text, in front of a request (see request.rs); nothing is installed. It must work in dash, bash
# and busybox ash, so it uses POSIX shell only, and tries what differs between hosts (setsid, flock, awk's idea of an
# exit status, fractions of a second) before relying on it.
# The other files of this folder hold its functions. They are sent before this one, in the order of their use:
#   words · request · tools                  the request, and whether this host can carry it out
#   input                                    the input of a command; sent only if there is any
#   parts                                    a script in parts; sent only for one
#   record · lock · attach                   a deploy's state on the host, one run at a time, and attaching to it
#   processes · strike                       which processes run, and ending them
#   launch · lifeline · output · supervise   the script, everything that happens meanwhile, and its end
# A query needs few of them, and query.sh in place of this file.
# Whole-line comments and indentation are dropped when it is sent: no here-documents, no `#` lines in strings.
#
# File descriptors, the same everywhere:
#   3 the lifeline (stdin)             4, 5 the connection's stdout and stderr
#   6, 7 the script's stdout and stderr, for writing; in the pump and what follows it, for reading
#   8 the text that the launcher reads   9 the lock; in mode `run`, the command's input
#
# Processes, in one pipeline, so that mode `run` needs no file:
#   { lifeline & deadline & awk -> launcher, later the script } | supervise, with the pump as its child
# Every event is a line in that pipe, and only `supervise` acts on it.

# Sent first (see text.rs). If it is missing, a login shell has read an unknown number of lines in the guard's place.
# shellcheck disable=SC2154
[ "$fw" ] || exit 1
# Messages of the guard's own tools are no output of the script; where they matter, they are caught and reported.
exec 4>&1 5>&2 >/dev/null 2>&1
input='</dev/null' locked='' attached='' strays='' dir='' previous=- pidfile=/dev/null umask=$(umask)
request
tools
# If a login shell keeps this from the client, no `go` comes back, and nothing starts unheard.
say ready
read -r word && [ "$word" = go ] || exit 1
case $mode in
  attach)
    place
    room
    seek
    ;;
  deploy)
    place
    room
    [ -d "$dir" ] && attach
    lock
    unfinished
    prepare
    pidfile=$dir/process
    logs
    e=$previous
    [ "$e" != - ] || e=''
    launch 'FLEETWIDE_PREVIOUS_REVISION=@; export FLEETWIDE_PREVIOUS_REVISION' "$e"
    ;;
  run)
    [ "$size" = 0 ] || {
      receive
      input='<&9'
    }
    ;;
esac
birth $$
mark=$$.$b
text="$text${nl}FLEETWIDE_GUARD='$mark.'; export FLEETWIDE_GUARD"
launcher
exec 3<&0 </dev/null
# Caught, not ignored: the script would inherit that. A cut connection or a stray TERM must not end the guard early.
trap : HUP INT TERM PIPE
{
  keepers
  if [ "$mode" = deploy ]; then spawn 6>>"$dir/stdout" 7>>"$dir/stderr"; else spawn 6>&4 7>&5; fi
  # `supervise` ends the keepers; the guard is done only then.
  exec >/dev/null 3<&- 4>&- 5>&- 9>&-
  wait
} | supervise
