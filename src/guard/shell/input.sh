# The input of a command. Sent only if there is any.

# Stores the whole input in a file that has no name any more when the command starts. So a command that reads slowly or
# not at all delays neither the lifeline nor the sender, and nothing is left behind.
receive() {
  d='' e=''
  for t in "${TMPDIR:-/tmp}" /dev/shm "${HOME:-/tmp}"; do
    d=$t/.fleetwide-$$
    e=$(LC_ALL=C mkdir -m 700 "$d" 2>&1) && break
    d=''
  done
  [ "$d" ] || no_write "no place for the command's input: $e"
  e=$(LC_ALL=C head -c "$size" 2>&1 >"$d/input")
  n=0
  [ -f "$d/input" ] && exec 9<"$d/input" && n=$(($(wc -c <"$d/input")))
  rm -rf "$d"
  [ $n = "$size" ] || no_write "the command's input could not be stored whole: $e"
}
