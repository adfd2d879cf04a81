# What a command is to read, where it is to read anything. Sent only then.

# Takes it in whole, into a file that has no name any more when the command starts: so one that reads slowly or not at
# all holds up neither our lifeline nor whoever sends it, and nothing is left behind.
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
