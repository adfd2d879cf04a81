# What a deploy keeps on the host: lock, fence, revision, and a folder for each run. Functions of guard.sh, in front of
# which it is sent; not in here: how the script is started, watched and ended.

# Who runs what is in $1: the boot, the guard and its birth, the script's group and its leader's birth.
process() {
  p_boot='' p_guard='' p_gbirth='' group='' p_birth=''
  [ -e "$1/process" ] || return
  {
    read -r p_boot
    read -r p_guard p_gbirth
    read -r group
    read -r p_birth
  } <"$1/process"
  case $group in *[!0123456789]*) group='' ;; esac
}
# Is the group that `process` read still that group? Its number is not given away while one member lives.
script_alive() {
  [ "$group" ] && [ "$p_boot" = "$boot" ] && group_alive "$group" || return 1
  birth "$group"
  [ -z "$b" ] || [ -z "$p_birth" ] || [ "$b" = "$p_birth" ]
}
guard_alive() { [ "$p_boot" = "$boot" ] && alive "$p_guard" "$p_gbirth"; }

# Replaces file $1 by text $2, whole or not at all. Blanks make all texts as long as what `reserve` wrote, and it is
# written over that in place: so there is room for it when the disk is full by then.
record() { printf '%-99s\n' "$2" 1<>"$1.new" && mv -f "$1.new" "$1"; }
reserve() { printf '%-99s\n' '' >"$1.new"; }
# A power cut may leave an empty file behind: it says as little as none.
recall() {
  line=''
  [ -e "$1" ] && read -r line <"$1"
  [ "$line" ] && eval "$2=\$line"
}

# What a failed write means, from the tool's own words.
no_write() {
  case $1 in
    # When an open file takes no more, dash says just that, and busybox's printf nothing.
    *'o space'* | *uota* | *': I/O error'*) refuse full "$1" ;;
    *': ') refuse full "${1}no space left" ;;
    *) refuse read-only "$1" ;;
  esac
}
busy() { refuse busy "run $1 of $app is still under way on this host"; }

# flock is let go by the kernel whatever happens to us. Without it, or on a file system without locks, a symbolic link is made, which is atomic, and
# whose target names its owner; one whose owner is dead is taken over.
lock() {
  holder=''
  if command -v flock >/dev/null; then
    exec 9>>"$state/lock"
    e=$(words flock -n 9 2>&1)
    case "$? $e" in
      '0 '*)
        locked=flock
        echo "$run-$attempt" >"$state/lock"
        return
        ;;
      # The file system has no locks (NFS): here the tool says so, and util-linux has another status for it.
      '1 '*'No locks'* | '1 '*'ot supported'* | '1 '*'ot implemented'*) ;;
      '1 '*)
        recall "$state/lock" holder
        busy "${holder:-(unknown)}"
        ;;
    esac
  fi
  birth $$
  me="$boot $$ $b $run-$attempt"
  tries=0
  until ln -s "$me" "$state/owner"; do
    tries=$((tries + 1))
    [ $tries -lt 9 ] || no_write "cannot make $state/owner"
    them=$(readlink "$state/owner") || continue
    # shellcheck disable=SC2086
    set -- $them
    [ "$1" = "$boot" ] && alive "$2" "$3" && busy "$4"
    # Two may find it stale; what was moved away decides whether it was.
    mv "$state/owner" "$state/owner.$$" || continue
    [ "$(readlink "$state/owner.$$")" = "$them" ] || { mv "$state/owner.$$" "$state/owner"; busy '(unknown)'; }
    rm -f "$state/owner.$$"
  done
  locked=symlink
}
unlock() {
  case $locked in
    flock) flock -u 9 ;;
    symlink) rm -f "$state/owner" ;;
  esac
  locked=''
}

prepare() {
  case $XDG_STATE_HOME in
    /*) state=$XDG_STATE_HOME ;;
    *)
      [ "$HOME" ] || refuse no-home 'HOME is not set and XDG_STATE_HOME is no absolute path'
      state=$HOME/.local/state
      ;;
  esac
  state=$state/fleetwide/$app
  dir=$state/runs/$run-$attempt
  umask 077
  boot=-
  recall /proc/sys/kernel/random/boot_id boot || boot=$(sysctl -n kern.boottime)
  e=$( (words mkdir -p "$state/runs" && : >>"$state/lock") 2>&1) || no_write "$e"
  format=1
  recall "$state/format" format || e=$(words record "$state/format" 1 2>&1) || no_write "$state/format: $e"
  case $format in
    1) ;;
    *[!0123456789]*) refuse damaged "$state/format" ;;
    *) bad "$state has format $format; this guard knows 1" ;;
  esac
  [ -d "$dir" ] && attach
  if [ "$only" ]; then
    e=$(words mkdir "$dir" 2>&1) && void
    [ -d "$dir" ] && attach
    no_write "$e"
  fi
  lock
  for d in "$state"/runs/*/; do
    process "$d"
    e=''
    recall "$d/end" e
    case $e in
      *' none '* | *' gone '*) ;;
      # It has no end, or it outlived its killing: its guard is dead, but it may not be.
      *) d=${d%/}; script_alive && busy "${d##*/}" ;;
    esac
  done
  seen=0
  recall "$state/fence" seen
  case $seen in
    *[!0123456789]* | ????????????????*) refuse damaged "$state/fence" ;;
  esac
  [ "$fence" -ge "$seen" ] || refuse fence "this host has seen fence $seen; $fence is older"
  previous=-
  recall "$state/revision" previous
  escaped "$previous" || refuse damaged "$state/revision"
  e=$(words mkdir "$dir" 2>&1) || { [ -d "$dir" ] && attach; no_write "$e"; }
  birth $$
  store "$dir/script" || {
    rm -rf "$dir"
    no_write "the script could not be stored whole: $e"
  }
  [ -z "$direct" ] || [ -x "$dir/script" ] || {
    rm -rf "$dir"
    refuse read-only "no program can be started in $dir: it is mounted noexec"
  }
}
# The run directory and the fence; what the tools say goes to e.
store() {
  e=$(
    # It may wait in vain for the rest of the script, and must not keep the lock when we are gone.
    exec 9>&-
    {
      words :
      printf '%s\n' "$boot" "$$ $b" >"$dir/process" && printf '%s\n' "$host" >"$dir/host" && head -c "$size" >"$1" && chmod 700 "$1" && printf '%s\n' "$previous" >"$dir/previous" &&
        printf '%s\n' "$revision" >"$dir/revision" && : >"$dir/stdout" && : >"$dir/stderr" && reserve "$dir/end" && reserve "$dir/cause" &&
        printf '%s\n' "$revision" >"$state/revision.new" && { [ "$fence" = "$seen" ] || record "$state/fence" "$fence"; }
    } 2>&1
  ) && [ "$(($(wc -c <"$1")))" = "$size" ]
}
# Keeps the ten youngest runs: the ids of runs sort by their age.
prune() {
  set -- "$state"/runs/*/
  while [ $# -gt 10 ]; do
    [ "$1" = "$dir/" ] || rm -rf "$1"
    shift
  done
}
