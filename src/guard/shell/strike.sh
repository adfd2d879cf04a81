# How a script is ended: its group, and where there is a /proc what has left that.

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
