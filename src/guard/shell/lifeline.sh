# What happens while the script runs. Each says so in a line on stdout, the pipe to `supervise`.

# Says $2 when $1 seconds are over, and looks in between.
after() {
  n=$(($1 * ticks))
  while [ $n -gt 0 ]; do sleep $tick; echo tick; n=$((n - 1)); done
  echo "$2"
}
# After a first signal: KILL when the grace of $1 seconds is over; at last, give up.
patience() {
  after "$1" grace
  after 5 giveup
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
      G) echo "go $a" ;;
      W) echo waited ;;
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
# `wait` is left at once when a trap fires, so that no long sleep stays behind.
time_up() {
  sleep "$deadline" &
  wait $!
}
watch_clock() {
  trap '' PIPE
  # KILL, because a child that is not yet `sleep` would take a TERM with our own handler.
  trap 'kill -s KILL $!; exit' TERM
  time_up
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
