# The guard: runs one script on this host, at most once, and tells its true end.
#
# It arrives on stdin, as text, in front of a request (see request.rs); nothing is installed. It must
# work in dash, bash and busybox ash, so it uses POSIX shell only, and what differs from host to host
# (setsid, flock, awk's idea of an exit status, fractions of a second) is tried before it is relied on.
# The other files of this folder are its functions; they are sent in front of this, along the way of a request:
#   words · request · tools                  what is asked, and whether this host can do it
#   input                                    what a command is to read; sent only where there is some
#   parts                                    a script in parts; sent only for one
#   record · lock · attach                   what is kept of a deploy, by one run at a time, and taken up again
#   processes · strike                       what runs, and how it is ended
#   launch · lifeline · output · supervise   the script, all that happens meanwhile, and its end
# What is only asked what it has on record is sent few of them, with query in the place of this.
# Whole-line comments and indentation are dropped when it is sent: no here-documents, no `#` lines in strings.
#
# File descriptors, the same everywhere:
#   3 the lifeline (our stdin)         4, 5 the connection's stdout and stderr
#   6, 7 the script's stdout and stderr, for writing; in the pump and what follows it, for reading
#   8 the text that the launcher reads   9 the lock; in mode `run`, what the command is to read
#
# Processes, in one pipeline, so that mode `run` needs no file:
#   { lifeline & deadline & awk -> launcher, later the script } | supervise, with the pump as its child
# Everything that happens is a line in that pipe, and `supervise` is the only one that acts on it.

# What was sent first (see text.rs): without it, somebody has read in our place, and nobody knows how much.
# shellcheck disable=SC2154
[ "$fw" ] || exit 1
# Our own tools' complaints are no output of the script; where they matter they are caught and told.
exec 4>&1 5>&2 >/dev/null 2>&1
input='</dev/null' locked='' attached='' strays='' dir='' previous=- pidfile=/dev/null umask=$(umask)
request
tools
# A login shell that keeps our words to itself, or never came to us, must not start what nobody hears of.
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
# Caught, not ignored: the script would inherit that. A cut connection or a stray TERM must not end us before our duty is done.
trap : HUP INT TERM PIPE
{
  keepers
  if [ "$mode" = deploy ]; then spawn 6>>"$dir/stdout" 7>>"$dir/stderr"; else spawn 6>&4 7>&5; fi
  # The keepers are ended by `supervise`; only then are we done.
  exec >/dev/null 3<&- 4>&- 5>&- 9>&-
  wait
} | supervise
