# Which processes there are, and whose: a guard's, and those of its script.

# dash needs it before a group's number; busybox takes it for a number.
minus=--
kill -s 0 -- $$ 2>/dev/null || minus=''

# When process $1 was born, in b; empty when it is gone, and `-` where nothing on this host tells. A pid alone may have been
# given to another. What `ps` says becomes one word.
birth() {
  b=''
  if [ -r /proc/self/stat ]; then
    read -r b <"/proc/$1/stat" || b=''
    # shellcheck disable=SC2086
    set -- ${b##*) }
    b=${20-}
    # Nobody has asked yet how it ended.
    case $1 in [ZX]) b='' ;; esac
  else
    # shellcheck disable=SC2046
    b=$(set -- $(ps -o lstart= -p "$1"); IFS=_; echo "$*")
    [ "$b" ] || { kill -s 0 "$1" && b=-; }
  fi
}
alive() { [ "$1" ] && birth "$1" && [ "$b" ] && { [ -z "$2" ] || [ "$b" = "$2" ]; }; }

# Who runs what is in $1: the boot, the guard and its birth, the script's group and its leader's birth.
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
# Is any process of group $1 left? A zombie that its parent has not reaped is not; one that we may not signal is.
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
# Is the group that `process` read still that group? Its number is not given away while one member lives.
script_alive() {
  [ "$group" ] && [ "$p_boot" = "$boot" ] && group_alive "$group" || return 1
  birth "$group"
  [ -z "$b" ] || [ -z "$p_birth" ] || [ "$b" = "$p_birth" ]
}
guard_alive() { [ "$p_boot" = "$boot" ] && alive "$p_guard" "$p_gbirth"; }
# The group of an earlier boot may be another's by now.
script_left() { if [ "$attached" ]; then script_alive; else group_alive "$group"; fi; }
