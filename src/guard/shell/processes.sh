# Which processes exist: those of a guard, and those of its script.

# dash needs `--` before a group's number; busybox would take it for a number.
minus=--
kill -s 0 -- $$ 2>/dev/null || minus=''

# The birth of process $1, in b: empty when it is gone, and `-` when this host cannot tell. A pid alone may have been
# reused. The words of `ps` become one.
birth() {
  b=''
  if [ -r /proc/self/stat ]; then
    read -r b <"/proc/$1/stat" || b=''
    # shellcheck disable=SC2086
    set -- ${b##*) }
    b=${20-}
    # A zombie has ended, though its parent has not reaped it.
    case $1 in [ZX]) b='' ;; esac
  else
    # shellcheck disable=SC2046
    b=$(set -- $(ps -o lstart= -p "$1"); IFS=_; echo "$*")
    [ "$b" ] || { kill -s 0 "$1" && b=-; }
  fi
}
alive() { [ "$1" ] && birth "$1" && [ "$b" ] && { [ -z "$2" ] || [ "$b" = "$2" ]; }; }

# Reads the processes of folder $1: the boot, the guard and its birth, the script's group and its leader's birth.
process() {
  p_boot='' p_guard='' p_gbirth='' group='' p_birth=''
  [ -f "$1/process" ] || return
  {
    read -r p_boot
    read -r p_guard p_gbirth
    read -r group
    read -r p_birth
  } <"$1/process"
  case $group in *[!0123456789]*) group='' ;; esac
}
# Is any process of group $1 left? A zombie does not count; a process that the guard may not signal does.
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
# Is the group that `process` read still that group? Its number is not reused while one member lives.
script_alive() {
  [ "$group" ] && [ "$p_boot" = "$boot" ] && group_alive "$group" || return 1
  birth "$group"
  [ -z "$b" ] || [ -z "$p_birth" ] || [ "$b" = "$p_birth" ]
}
guard_alive() { [ "$p_boot" = "$boot" ] && alive "$p_guard" "$p_gbirth"; }
# The number of a group of an earlier boot may have been reused.
script_left() { if [ "$attached" ]; then script_alive; else group_alive "$group"; fi; }
