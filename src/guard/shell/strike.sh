# Ends a script: signals its group and, where there is a /proc, the processes that left the group.

# Prints the processes that may be the script's, by their environment, where there is a /proc. A `grep` that reads past
# a NUL searches all of them quickly. Otherwise all are listed, and `marked` reads each byte by byte.
suspects() {
  if printf 'a\0b' | grep -q b; then grep -ls "FLEETWIDE_GUARD=$mark" /proc/[0-9]*/environ
  else echo /proc/[0-9]*
  fi
}
# Sets p to those of the /proc folders $@ whose processes left the group. `read` drops the NULs. Processes that
# overwrote their environment, or that this user may not read, are not found.
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
  # CONT, because a stopped process would not act on its TERM.
  # shellcheck disable=SC2086
  for t in "$1" CONT; do
    script_left && kill -s "$t" $minus "-$group"
    for d in $p; do kill -s "$t" "${d#/proc/}"; done
  done
  strays=$p
}
# Is anything left of a script that was struck? All of /proc is searched only when no other process is known.
struck_left() {
  # shellcheck disable=SC2046,SC2086
  script_left || marked $strays || { marked $(suspects) && strike "$last"; }
}
