# Events while the script runs. Each is a line on stdout, the pipe to `supervise`.

# Sends $2 after $1 seconds, and ticks until then.
after() {
  n=$(($1 * ticks))
  while [ $n -gt 0 ]; do sleep $tick; echo tick; n=$((n - 1)); done
  echo "$2"
}
# After a first signal: asks for KILL after the grace of $1 seconds, and finally gives up.
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
# A trap interrupts `wait` at once, so that no long sleep stays behind.
time_up() {
  sleep "$deadline" &
  wait $!
}
watch_clock() {
  trap '' PIPE
  # KILL, because a child that is not yet `sleep` would run this shell's own TERM handler.
  trap 'kill -s KILL $!; exit' TERM
  time_up
  # If `supervise` is gone, this process strikes by itself.
  echo timeout || {
    process "$dir"
    script_alive && strike KILL
    exit
  }
  patience "$grace"
}
keepers() {
  # The keepers must hold neither the connection nor the lock open.
  lifeline 4>&- 5>&- 9>&- &
  echo "keeper $!"
  watch_clock 3<&- 4>&- 5>&- 9>&- &
  echo "keeper $!"
}
