# The only process that acts on events, up to the script's end, which it records and reports.

# Called before anything is struck: another guard may record the end, and must know its cause by then.
blame() {
  cause=$1
  [ "$attached" ] && record "$dir/cause" "$1"
}

# Only a script in parts has further words.
other() { :; }

supervise() {
  trap '' HUP INT TERM PIPE
  cause=none status='' how='' keepers='' pump='' group='' gone=''
  while read -r word a b; do
    case $word in
      keeper) keepers="$keepers $a" ;;
      pid)
        group=$a
        if [ "$mode" != run ]; then
          if [ "$attached" ]; then
            [ "$skip1" = 0 ] || dd ibs=1 skip="$skip1" count=0 <&6
            [ "$skip2" = 0 ] || dd ibs=1 skip="$skip2" count=0 <&7
          else
            birth "$group"
            echo "$b" >>"$dir/process"
          fi
          # The pump must not keep the pipe open: its writers must notice when nobody reads it any more.
          pump </dev/null 3<&- 9>&- &
          pump=$!
        fi
        # The script may have been stopped while it was starting.
        [ "$cause" = none ] || strike TERM
        ;;
      stop | idle | lost | timeout)
        [ "$cause" = none ] && blame "$word"
        strike TERM
        ;;
      kill)
        blame kill
        strike KILL
        ;;
      grace) [ "$cause" = none ] || strike KILL ;;
      end) [ "$status" ] || status=${how:-$a $b} ;;
      gone) gone=1 ;;
      giveup | full | untold) break ;;
      *) other ;;
    esac
    # The client is gone without asking for an end: the guard that started the script sees to the rest.
    [ "$gone$cause" = 1none ] && [ "$group" ] && break
    # A killed script has ended only when its whole group has; processes that a script leaves behind by itself do not
    # count. If nothing saw the end, the leader must be gone.
    case $status/$cause/$attached in
      /*) ;;
      'unknown -/none/') { group_alive "$group" && alive "$group" ''; } || break ;;
      */none/*) break ;;
      *) struck_left || break ;;
    esac
  done
  # shellcheck disable=SC2086
  kill -s TERM $keepers
  if [ "$gone$cause" = 1none ]; then
    kill -s USR1 "$pump"
    exit
  fi
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

# Records the end and reports it.
ended() {
  size1=- size2=- kept=''
  left=gone
  if [ "$cause" = none ]; then script_left; else struck_left; fi && {
    left=alive
    # For example, root's processes.
    case $e in *ermitted*) left=denied ;; esac
  }
  case $status in
    signal*)
      b=$(kill -l "${status#* }") && status="signal ${b#SIG}"
      ;;
    '') status='unknown -' ;;
  esac
  if [ "$mode" != run ]; then
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
      # The revision comes first, because a reader of a recorded success may rely on it.
      if [ "$status $cause" = 'exit 0 none' ] && [ "$revision" != - ]; then
        mv -f "$state/revision.new" "$state/revision" || kept=' unrecorded'
      fi
      record "$dir/end" "$status $cause $left $size1 $size2$kept" || kept=' unrecorded'
      prune
      unlock
    fi
    # The pump stops between two copies, never within one. Before its trap is set it has copied nothing.
    all_of "$size1" "$size2"
    kill -s USR1 "$pump"
    wait "$pump"
    [ $? = 9 ] || flush
  fi
  printf '\036%s end\n' "$nonce" >&5
  say "end $status $cause $left $size1 $size2$kept"
}
