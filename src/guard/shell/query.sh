# What is on record here: read and told, and nothing else done. Sent only when it is asked for, with the functions that it needs.

# How the attempt in folder $d stands. Its end is looked for again: it may have come in between.
stands() {
  e=''
  recall "$d/end" e && return
  process "$d"
  # Whoever made it a moment ago is about to say who it is.
  [ "$p_guard" ] || [ -d "$d/script" ] || {
    sleep 1
    process "$d"
  }
  if guard_alive || script_alive; then e=running
  elif recall "$d/end" e; then :
  # What went down with the host may have been started, and not have got as far as the disk.
  elif [ -z "$group" ] && { [ -d "$d/script" ] || [ "$p_boot" = "$boot" ]; }; then e=never-started
  else e=died
  fi
}

# What cannot be read does not say that there is nothing.
readable() {
  for f; do
    if [ -d "$f" ]; then [ -r "$f" ] && [ -x "$f" ]
    else [ -r "$f" ] || [ ! -e "$f" ]
    fi || refuse read-only "cannot read $f"
  done
}

# There is no lock to let go.
unlock() { :; }

exec 4>&1 5>&2 >/dev/null 2>&1
request
say ready
read -r word && [ "$word" = go ] || exit 1
place
# Behind a folder that is closed to us nothing can be seen.
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
  # What is no attempt is somebody else's.
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
