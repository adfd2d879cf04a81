# Reports what is on record here, and does nothing else. Sent only for a query, with the functions that it needs.

# The state of the attempt in folder $d. Its end is read again, because it may have come in between.
stands() {
  e=''
  recall "$d/end" e && return
  process "$d"
  # A guard that has just made the folder is about to record its own process.
  [ "$p_guard" ] || [ -d "$d/script" ] || {
    sleep 1
    process "$d"
  }
  if guard_alive || script_alive; then e=running
  elif recall "$d/end" e; then :
  # After a reboot, a script without a recorded group may still have started: the record may not have reached the disk.
  elif [ -z "$group" ] && { [ -d "$d/script" ] || [ "$p_boot" = "$boot" ]; }; then e=never-started
  else e=died
  fi
}

# An unreadable record must not pass for an empty one.
readable() {
  for f; do
    if [ -d "$f" ]; then [ -r "$f" ] && [ -x "$f" ]
    else [ -r "$f" ] || [ ! -e "$f" ]
    fi || refuse read-only "cannot read $f"
  done
}

# A query holds no lock.
unlock() { :; }

exec 4>&1 5>&2 >/dev/null 2>&1
request
say ready
read -r word && [ "$word" = go ] || exit 1
place
# Nothing can be seen below a folder that is closed to this user.
d=$state
until [ -e "$d/" ]; do d=${d%/*}; done
[ -x "$d/" ] || refuse read-only "cannot read $d"
readable "$state/format" "$state/revision" "$state/runs"
format=1
recall "$state/format" format
understood
previous=-
revised "$state/revision" previous
say "revision $previous"
for d in "$state"/runs/*/; do
  d=${d%/}
  e=${d##*/}
  # Anything that is not an attempt is not Fleetwide's.
  case $e in
    [.-]* | *[!$letters.-]*) continue ;;
    *-*) ;;
    *) continue ;;
  esac
  case ${e##*-} in
    '' | *[!0123456789]* | ??????????*) continue ;;
  esac
  readable "$d" "$d/host" "$d/fence" "$d/previous" "$d/revision" "$d/process" "$d/end"
  e=$host
  recall "$d/host" e
  # Hosts may share a home folder.
  [ "$e" = "$host" ] || [ -z "$host" ] || continue
  fence=- previous=- revision=-
  recall "$d/fence" fence
  revised "$d/previous" previous
  revised "$d/revision" revision
  stands
  say "run ${d##*/} $fence $previous $revision $e"
done
say told
