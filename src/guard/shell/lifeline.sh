# What happens while the script runs. Each says so in a line on stdout, the pipe to `supervise`.

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
      T | I)
        case $a in '' | *[!0123456789]* | ??????????*) a=$grace ;; esac
        case $word in T) echo stop ;; I) echo idle ;; esac
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
  case $lost$attached in
    kill*)
      echo lost
      patience "$grace"
      ;;
    finish1) echo gone ;;
  esac
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
