# The state of a deploy on the host: the app's fence and revision, and a folder for each attempt. Format 1.

# Replaces file $1 by text $2, atomically. Blanks make every text as long as what `reserve` wrote, and it overwrites
# that in place. So a disk that is full by then still has room for it.
record() { printf '%-99s\n' "$2" 1<>"$1.new" && mv -f "$1.new" "$1"; }
reserve() { printf '%-99s\n' '' >"$1.new"; }
# Reads file $1 into variable $2. A power cut may leave an empty file behind, which counts as none.
recall() {
  line=''
  [ -f "$1" ] && read -r line <"$1"
  [ "$line" ] && eval "$2=\$line"
}

# The same for a file that holds a revision.
revised() { recall "$@" && { escaped "$line" || refuse damaged "$1"; }; }

# The folders of the app's state on this host and of the attempt.
place() {
  case $XDG_STATE_HOME in
    /*) state=$XDG_STATE_HOME ;;
    *)
      [ "$HOME" ] || refuse no-home 'HOME is not set and XDG_STATE_HOME is no absolute path'
      state=$HOME/.local/state
      ;;
  esac
  state=$state/fleetwide/$app
  dir=$state/runs/$run-$attempt
  # One word. On a Mac the boot's time moves with the clock, but the boot has an id.
  # shellcheck disable=SC2046
  recall /proc/sys/kernel/random/boot_id boot ||
    boot=$(set -- $(sysctl -n kern.bootsessionuuid || sysctl -n kern.boottime || echo -); IFS=_; echo "$*")
}
# Makes the state folder, and checks that this guard knows its format.
room() {
  umask 077
  e=$( (words mkdir -p "$state/runs" && : >>"$state/lock") 2>&1) || no_write "$e"
  format=1
  recall "$state/format" format || e=$(words record "$state/format" 1 2>&1) || no_write "$state/format: $e"
  understood
}
understood() {
  case $format in
    1) ;;
    *[!0123456789]*) refuse damaged "$state/format" ;;
    *) bad "$state has format $format; this guard knows 1" ;;
  esac
}
# The state that later runs go by: the highest fence seen here, and the revision.
known() {
  seen=0
  recall "$state/fence" seen
  case $seen in
    *[!0123456789]* | ????????????????*) refuse damaged "$state/fence" ;;
  esac
  [ "$fence" -ge "$seen" ] || refuse fence "this host has seen fence $seen; $fence is older"
  previous=-
  revised "$state/revision" previous
}
# Makes the attempt's folder, with everything that starting the script takes: the guard that makes it starts the script.
prepare() {
  known
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
# Fills the run directory, and records the fence; the tools' messages go to e.
store() {
  e=$(
    # This process may wait in vain for the rest of the script, and outlive the guard: it must not keep the lock then, nor
    # touch the app's state, which is a later run's by then.
    exec 9>&-
    {
      words :
      printf '%s\n' "$boot" "$$ $b" >"$dir/process" && printf '%s\n' "$host" >"$dir/host" && printf '%s\n' "$fence" >"$dir/fence" && head -c "$size" >"$1" &&
        [ -f "$1" ] && [ "$(($(wc -c <"$1")))" = "$size" ] && chmod 700 "$1" && printf '%s\n' "$previous" >"$dir/previous" &&
        printf '%s\n' "$revision" >"$dir/revision" && : >"$dir/stdout" && : >"$dir/stderr" && reserve "$dir/end" && reserve "$dir/cause" &&
        printf '%s\n' "$revision" >"$state/revision.new" && { [ "$fence" = "$seen" ] || record "$state/fence" "$fence"; }
    } 2>&1
  )
}
# Keeps the ten youngest runs (run ids sort by age), and those whose scripts left something running: it writes to a log
# that would otherwise fill the disk unseen.
prune() (
  set -- "$state"/runs/*/
  while [ $# -gt 10 ]; do
    process "$1"
    [ "$1" = "$dir/" ] || script_alive || rm -rf "$1"
    shift
  done
)
