# The guard: runs one script on this host, at most once, and tells its true end.
#
# It arrives on stdin, as text, in front of a request (see request.rs); nothing is installed. It must
# work in dash, bash and busybox ash, so it uses POSIX shell only, and what differs from host to host
# (setsid, flock, awk's idea of an exit status, fractions of a second) is tried before it is relied on.
# What a deploy keeps on the host is in state.sh, which is sent in front of this.
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

# bash takes these from SHELLOPTS.
set +aCefuvx
nl='
'
letters=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_

# A control line, in a single write, so that no output of the script can land inside it.
say() { printf '\036%s %s\n' "$nonce" "$*" >&4; }
# Only the first line of what a tool had to say goes into the text.
refuse() {
  unlock
  e=$*
  say "refused ${e%%"$nl"*}"
  exit 1
}
bad() { refuse bad-request "$*"; }
# What a tool says is read here, so it must not be in another language.
words() {
  LC_ALL=C
  export LC_ALL
  "$@"
}

# What the request says is checked again here: the far end may be older, newer, or not us.
name() {
  case $2 in
    '' | [.-]* | *[!$letters.-]*) bad "$1 is not a name: $2" ;;
  esac
  [ ${#2} -le 100 ] || bad "$1 is too long"
}
number() {
  case $2 in
    '' | *[!0123456789]*) bad "$1 is not a number: $2" ;;
  esac
  [ ${#2} -le 15 ] || bad "$1 is too big: $2"
}
# A value is printable ASCII with every other byte as \0ooo: it can stand between single quotes.
escaped() { case $1 in *[!$letters\\./:=@%+,-]*) return 1 ;; esac; }
value() { escaped "$2" || bad "$1 is not escaped"; }

# Appends to the launch text what gives the escaped value $2 back; $1 is how it is used, with `@` for the value.
launch() {
  case $2 in
    *\\*) text="$text${nl}fw=\$(printf %b. '$2')$nl${1%@*}\"\${fw%.}\"${1##*@}" ;;
    *) text="$text$nl${1%@*}'$2'${1##*@}" ;;
  esac
}

request() {
  read -r word version nonce || exit 1
  case $word$nonce in
    fleetwide*[!$letters]*) exit 1 ;;
    fleetwide?*) ;;
    *) exit 1 ;;
  esac
  [ "$version" = 1 ] || bad "this guard speaks version 1, not $version"
  mode='' only='' app='' run='' attempt='' fence='' deadline='' grace='' lost='' revision=- skip1=0 skip2=0 size='' text='' host='' direct=''
  while read -r key a b; do
    case $key in
      mode) mode=$a ;;
      app) app=$a ;;
      run) run=$a ;;
      attempt) attempt=$a ;;
      fence) fence=$a ;;
      deadline) deadline=$a ;;
      grace) grace=$a ;;
      lost) lost=$a ;;
      revision)
        value revision "$a"
        revision=$a
        ;;
      resume) skip1=$a skip2=$b ;;
      arg)
        value arg "$a"
        word=''
        launch 'set -- "$@" @' "$a"
        ;;
      # Where the script's own path belongs, which only this host knows.
      # With no word in front of it, it is a program by itself.
      self)
        direct=$word
        text="$text${nl}set -- \"\$@\" \"\$fw_self\""
        ;;
      needs)
        value needs "$a"
        e=$(printf %b. "$a")
        e=${e%.}
        case $e in
          */*) [ -f "$e" ] && [ -x "$e" ] ;;
          *) command -v "$e" ;;
        esac || refuse no-tool "this host has no program $a, which the script's first line asks for"
        ;;
      env)
        [ "$a" = FLEETWIDE_HOST_ID ] && host=$b
        case $a in
          '' | [0-9]* | *[!$letters]*) bad "env has a bad name: $a" ;;
        esac
        value "env $a" "$b"
        launch "$a=@; export $a" "$b"
        ;;
      script)
        size=$a
        break
        ;;
      *) bad "unknown key: $key" ;;
    esac
  done
  number deadline "$deadline"
  number grace "$grace"
  number script "$size"
  case $mode/$lost in
    deploy/finish | deploy/kill | run/finish | run/kill) ;;
    # Of a deploy that was sent before: it is told how that goes on, and nothing is started.
    attach/finish | attach/kill) mode=deploy only=1 ;;
    *) bad "mode $mode, lost $lost" ;;
  esac
  [ "$mode" = run ] && return
  name app "$app"
  name run "$run"
  number attempt "$attempt"
  number fence "$fence"
  number resume "$skip1"
  number resume "$skip2"
}

tools() {
  # Each keeps its descriptors from what it starts, or does not hand on every byte.
  t=${ZSH_VERSION:+zsh}${KSH_VERSION:+ksh}${YASH_VERSION:+yash}
  [ -z "$t" ] || refuse no-tool "this host's sh is $t; the guard knows dash, bash and busybox ash"
  e=''
  [ "$skip1$skip2" = 00 ] || e='dd'
  for t in awk cat chmod head mkdir mv rm sleep wc $e; do
    command -v "$t" >/dev/null || refuse no-tool "this host has no $t"
  done
  # awk forks the launcher, so it is no group leader, and each of these becomes one without a fork of its own.
  if command -v setsid >/dev/null; then leader='setsid sh'
  elif command -v perl >/dev/null; then leader="perl -e 'use POSIX; POSIX::setsid(); exec @ARGV' sh"
  elif command -v python3 >/dev/null; then
    # Python starts with SIGPIPE and SIGXFSZ ignored; the script must not inherit that.
    leader="python3 -Ic 'import os,signal as s;s.signal(s.SIGPIPE,s.SIG_DFL);s.signal(s.SIGXFSZ,s.SIG_DFL);os.setsid();os.execvp(\"sh\",[\"sh\"])'"
  else refuse no-tool 'this host has none of setsid, perl and python3'
  fi
  # dash needs it before a group's number; busybox takes it for a number.
  minus=--
  kill -s 0 -- $$ || minus=''
  if sleep 0.001; then tick=0.1 ticks=10; else tick=1 ticks=1; fi
}

# When process $1 was born, in b; empty when it is gone. A pid alone may have been given to another.
birth() {
  b=''
  if [ -r /proc/self/stat ]; then
    read -r b <"/proc/$1/stat" || b=''
    # shellcheck disable=SC2086
    set -- ${b##*) }
    b=${20-}
    # Nobody has asked yet how it ended.
    case $1 in [ZX]) b='' ;; esac
  else
    b=$(ps -o lstart= -p "$1")
  fi
}
alive() { [ "$1" ] && birth "$1" && [ "$b" ] && { [ -z "$2" ] || [ "$b" = "$2" ]; }; }

# Is any process of group $1 left? A zombie that its parent has not reaped is not; one that we may not signal is.
group_alive() {
  # shellcheck disable=SC2086
  e=$(LC_ALL=C kill -s 0 $minus "-$1" 2>&1) || case $e in
    *ermitted*) return 0 ;;
    *) return 1 ;;
  esac
  [ -r /proc/self/stat ] || return 0
  cat /proc/[0-9]*/stat | LC_ALL=C awk -v group="$1" '
    { sub(/^.*\) /, "") }
    $3 == group && $1 !~ /[ZX]/ { found = 1 }
    END { exit !found }'
}
# The group of an earlier boot may be another's by now.
script_left() { if [ "$attached" ]; then script_alive; else group_alive "$group"; fi; }

# Which processes may be the script's, by their environment, where there is a /proc. A `grep` that reads past a NUL looks
# at all of them in no time; where it does not, all of them are to be looked at here, byte by byte.
suspects() {
  if printf 'a\0b' | grep -q b; then grep -ls "FLEETWIDE_GUARD=$mark" /proc/[0-9]*/environ
  else echo /proc/[0-9]*
  fi
}
# Which of the folders $@ of /proc belong to processes that left the group, in p. `read` drops the NULs. Those that
# overwrote their environment, or are not ours to look at, are not found.
marked() {
  p=''
  for d; do
    d=${d%/environ}
    while IFS= read -r l || [ "$l" ]; do
      case $l in
        *"FLEETWIDE_GUARD=$mark."*)
          read -r b <"$d/stat"
          # shellcheck disable=SC2086
          set -- ${b##*) }
          [ "$3" = "$group" ] || p="$p $d"
          break
          ;;
      esac
    done <"$d/environ"
  done
  [ "$p" ]
}
strike() {
  last=$1 strays=''
  # shellcheck disable=SC2046
  marked $(suspects)
  # The second one because a stopped process would sleep through its TERM.
  # shellcheck disable=SC2086
  for t in "$1" CONT; do
    script_left && kill -s "$t" $minus "-$group"
    for d in $p; do kill -s "$t" "${d#/proc/}"; done
  done
  strays=$p
}
# Is anything left of a script that was struck? All of /proc is looked at only when no other is known.
struck_left() {
  # shellcheck disable=SC2046,SC2086
  script_left || marked $strays || { marked $(suspects) && strike "$last"; }
}

# --- What happens while the script runs: each says so in a line on stdout, the pipe to `supervise` ---

# After a first signal: KILL when the grace of $1 seconds is over, and looks in between; at last, give up.
patience() {
  n=$(($1 * ticks))
  while [ $n -gt 0 ]; do sleep $tick; echo tick; n=$((n - 1)); done
  echo grace
  n=$((5 * ticks))
  while [ $n -gt 0 ]; do sleep $tick; echo tick; n=$((n - 1)); done
  echo giveup
}
lifeline() {
  while read -r word a; do
    case $word in
      T)
        case $a in '' | *[!0123456789]* | ??????????*) a=$grace ;; esac
        echo stop
        patience "$a" &
        echo "keeper $!"
        ;;
      K)
        echo kill
        patience 0 &
        echo "keeper $!"
        ;;
    esac
  done <&3
  if [ "$lost" = kill ]; then
    echo lost
    patience "$grace"
  fi
}
watch_clock() {
  # `wait` is left at once when the trap fires, so that no long sleep stays behind.
  trap '' PIPE
  # KILL, because a child that is not yet `sleep` would take a TERM with our own handler.
  trap 'kill -s KILL $!; exit' TERM
  sleep "$deadline" &
  wait $!
  # Should there be no `supervise` any more.
  echo timeout || {
    process "$dir"
    script_alive && strike KILL
    exit
  }
  patience "$grace"
}
keepers() {
  # They must not keep the connection open, nor the lock.
  lifeline 4>&- 5>&- 9>&- &
  echo "keeper $!"
  watch_clock 3<&- 4>&- 5>&- 9>&- &
  echo "keeper $!"
}

# Runs the launcher and says how it ended. A shell cannot tell `exit 143` from a death by TERM; awk can, but not all
# in one way: 256 + signal from system(), or the raw wait status, or that divided by 256.
spawn() {
  printf '%s\n' "$text" | {
    exec 8<&0 </dev/null
    fw_self=$dir/script awk -v leader="$leader" '
      function piped(command) { printf "" | command; return close(command) }
      BEGIN {
        run = "exec " leader " <&8 8<&-"
        probe = "kill -s KILL $$"
        died = system(probe)
        if (died == 265) r = system(run)
        else if (died * 256 == 9) r = raw(system(run) * 256)
        else if (died == 9 && system("exit 1") == 256) r = raw(system(run))
        else if ((died = piped(probe)) == 265) r = piped(run)
        else if (died == 9) r = raw(piped(run))
        else r = "untold"
        if (r == "untold") print r
        else if (r >= 512) print "end signal", r - 512
        else if (r > 256) print "end signal", r - 256
        else print "end exit", r
      }
      function raw(s) { return s % 128 ? 256 + s % 128 : int(s / 256) }' || {
      # Nobody awaits the script any more; `supervise` looks whether it still runs, for as long as it wants to.
      echo 'end unknown -'
      while sleep $tick; do echo tick || break; done
    }
  } 3>>"$pidfile"
}
# What the launcher does, in the new session: it says who it is, first to the record, then to us, and becomes the script.
launcher() {
  text="{
umask $umask$text
unset fw fw_self
echo \"\$\$\" >&3 || { echo full; exit 1; }
(printf '\\036%s started\\n' $nonce >&5; printf '\\036%s started %s %s\\n' $nonce \"\$\$\" '$previous' >&4)
echo pid \"\$\$\"
exec \"\$@\" $input >&6 2>&7 3<&- 4>&- 5>&- 6>&- 7>&- 8<&- 9>&-
}"
}

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

# How a script that another guard started comes to its end.
follow() {
  echo "pid $group"
  a=-
  [ "$p_boot" = "$boot" ] || a=reboot
  until [ -e "$dir/end" ]; do
    if ! guard_alive && ! script_alive; then
      # Parts of that guard may have outlived the one we know of, and be writing the end just now.
      sleep 1
      [ -e "$dir/end" ] || break
    fi
    sleep $tick
  done
  echo "end unknown $a"
}

# Before anything is struck: another guard may record the end, and must know by then who brought it about.
blame() {
  cause=$1
  [ "$attached" ] && record "$dir/cause" "$1"
}

supervise() {
  trap '' HUP INT TERM PIPE
  cause=none status='' keepers='' pump='' group=''
  while read -r word a b; do
    case $word in
      keeper) keepers="$keepers $a" ;;
      pid)
        group=$a
        if [ "$mode" = deploy ]; then
          if [ "$attached" ]; then
            [ "$skip1" = 0 ] || dd ibs=1 skip="$skip1" count=0 <&6
            [ "$skip2" = 0 ] || dd ibs=1 skip="$skip2" count=0 <&7
          else
            birth "$group"
            echo "$b" >>"$dir/process"
          fi
          # It must not keep the pipe open: that nobody reads it any more has to be seen.
          pump </dev/null 3<&- 9>&- &
          pump=$!
        fi
        # We may have been cut off while it was starting.
        [ "$cause" = none ] || strike TERM
        ;;
      stop | lost | timeout)
        [ "$cause" = none ] && blame "$word"
        strike TERM
        ;;
      kill)
        blame kill
        strike KILL
        ;;
      grace) [ "$cause" = none ] || strike KILL ;;
      end) [ "$status" ] || status="$a $b" ;;
      giveup | full | untold) break ;;
    esac
    # The end of one that was killed is the end of its whole group; what a script leaves behind by itself is its own affair.
    # So is the end of one whose end nobody saw, but for what its leader leaves behind.
    case $status/$cause/$attached in
      /*) ;;
      'unknown -/none/') { group_alive "$group" && alive "$group" ''; } || break ;;
      */none/*) break ;;
      *) struck_left || break ;;
    esac
  done
  # shellcheck disable=SC2086
  kill -s TERM $keepers
  if [ -z "$group" ]; then
    [ "$attached" ] || rm -rf "$dir"
    case $word in
      full) refuse full "no space left for $dir" ;;
      untold) refuse no-tool "this host's awk does not tell how a program ended" ;;
      *) refuse no-tool "could not start a session of its own with ${leader%% *}" ;;
    esac
  fi
  ended
}

# The size of log $1, in n. The script may have removed it.
size() { n=$(wc -c <"$1") && n=$((n)) || n=-; }
# Records the end and tells it.
ended() {
  size1=- size2=- kept=''
  left=gone
  if [ "$cause" = none ]; then script_left; else struck_left; fi && {
    left=alive
    # It is root's, say.
    case $e in *ermitted*) left=denied ;; esac
  }
  case $status in
    signal*)
      b=$(kill -l "${status#* }") && status="signal ${b#SIG}"
      ;;
    '') status='unknown -' ;;
  esac
  if [ "$mode" = deploy ]; then
    [ "$attached" ] || recall "$dir/cause" cause
    size "$dir/stdout"
    size1=$n
    size "$dir/stderr"
    size2=$n
    if [ "$attached" ]; then
      recall "$dir/end" e && {
        # shellcheck disable=SC2086
        set -- $e
        status="$1 $2" cause=$3 size1=$5 size2=$6 kept=${7+" $7"}
      }
    elif [ "$status" != 'unknown -' ]; then
      # The revision first: who reads of a success may rely on it.
      if [ "$status $cause" = 'exit 0 none' ] && [ "$revision" != - ]; then
        mv -f "$state/revision.new" "$state/revision" || kept=' unrecorded'
      fi
      record "$dir/end" "$status $cause $left $size1 $size2$kept" || kept=' unrecorded'
      prune
      unlock
    fi
    # The pump is stopped between two copies, never within one. Before its trap is set it has copied nothing.
    kill -s USR1 "$pump"
    wait "$pump"
    [ $? = 9 ] || flush
  fi
  printf '\036%s end\n' "$nonce" >&5
  say "end $status $cause $left $size1 $size2$kept"
}

# Nothing will be started from the run directory: where the script would be is a folder. Unless it was started before.
void() {
  for n in 1 2 3; do
    [ -d "$dir/script" ] && break
    rm -f "$dir/script"
    e=$(words mkdir "$dir/script" 2>&1)
  done
  process "$dir"
  [ "$group" ] && return
  [ -d "$dir/script" ] || no_write "$e"
  guard_alive && kill -s KILL "$p_guard"
  refuse never-started "no guard of $run-$attempt has started the script on this host, and none will"
}
# The run directory is there: this attempt was started before, and is not started again.
attach() {
  attached=1
  unlock
  e=$host
  recall "$dir/host" e
  [ "$e" = "$host" ] || [ -z "$host" ] ||
    refuse no-home "$dir is ${e}'s, which shares this home folder"
  n=$((10 * ticks))
  until process "$dir"; [ "$group" ]; do
    # Whoever made it is about to start the script, or died before it could, or waits in vain for the rest of it.
    guard_alive || n=$((n - 4))
    n=$((n - 1))
    if [ $n -le 0 ] || [ -d "$dir/script" ]; then void; fi
    sleep $tick
  done
  mark=$p_guard.$p_gbirth
  head -c "$size" >/dev/null
  previous=-
  recall "$dir/previous" previous
  printf '\036%s started\n' "$nonce" >&5
  say "started $group $previous"
  exec 3<&0 6<"$dir/stdout" 7<"$dir/stderr"
  {
    keepers
    follow 4>&- 5>&-
    exec >/dev/null
    wait
  } | supervise
  exit
}

# Our own tools' complaints are no output of the script; where they matter they are caught and told.
exec 4>&1 5>&2 >/dev/null 2>&1
input='</dev/null' locked='' attached='' strays='' dir='' previous=- pidfile=/dev/null umask=$(umask)
request
tools
# A login shell that keeps our words to itself, or never came to us, must not start what nobody hears of.
say ready
read -r word && [ "$word" = go ] || exit 1
if [ "$mode" = deploy ]; then
  prepare
  pidfile=$dir/process
  # Now, for the script may remove them.
  exec 6<"$dir/stdout" 7<"$dir/stderr"
  case $previous in
    -) launch 'FLEETWIDE_PREVIOUS_REVISION=@; export FLEETWIDE_PREVIOUS_REVISION' '' ;;
    *) launch 'FLEETWIDE_PREVIOUS_REVISION=@; export FLEETWIDE_PREVIOUS_REVISION' "$previous" ;;
  esac
elif [ "$size" != 0 ]; then
  receive
  input='<&9'
fi
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
