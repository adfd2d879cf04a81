# The only one that acts on what happens, up to the script's end, which it records and tells.

# Before anything is struck: another guard may record the end, and must know by then who brought it about.
blame() {
  cause=$1
  [ "$attached" ] && record "$dir/cause" "$1"
}

# A word that only a script in parts has a use for.
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
          # It must not keep the pipe open: that nobody reads it any more has to be seen.
          pump </dev/null 3<&- 9>&- &
          pump=$!
        fi
        # We may have been cut off while it was starting.
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
    # Nobody hears us, and nobody told us to end the script: the guard that started it sees to the rest.
    [ "$gone$cause" = 1none ] && [ "$group" ] && break
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
      # The revision first: who reads of a success may rely on it.
      if [ "$status $cause" = 'exit 0 none' ] && [ "$revision" != - ]; then
        mv -f "$state/revision.new" "$state/revision" || kept=' unrecorded'
      fi
      record "$dir/end" "$status $cause $left $size1 $size2$kept" || kept=' unrecorded'
      prune
      unlock
    fi
    # The pump is stopped between two copies, never within one. Before its trap is set it has copied nothing.
    all_of "$size1" "$size2"
    kill -s USR1 "$pump"
    wait "$pump"
    [ $? = 9 ] || flush
  fi
  printf '\036%s end\n' "$nonce" >&5
  say "end $status $cause $left $size1 $size2$kept"
}
