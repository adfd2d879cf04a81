# What is on record here: read and told, and nothing else done. Sent only when it is asked for, with the functions that it needs.

# How the attempt in folder $d stands. Its end is looked for again: it may have come in between.
stands() {
  e=''
  recall "$d/end" e && return
  process "$d"
  if guard_alive || script_alive; then e=running
  elif recall "$d/end" e; then :
  elif [ "$group" ]; then e=died
  else e=never-started
  fi
}

# There is no lock to let go.
unlock() { :; }

exec 4>&1 5>&2 >/dev/null 2>&1
request
say ready
read -r word && [ "$word" = go ] || exit 1
place
format=1
recall "$state/format" format
understood
previous=-
revised "$state/revision" previous
say "revision $previous"
for d in "$state"/runs/*/; do
  [ -d "$d" ] || continue
  d=${d%/} e=$host
  recall "$d/host" e
  # Hosts may share a home folder.
  [ "$e" = "$host" ] || [ -z "$host" ] || continue
  previous=- revision=-
  revised "$d/previous" previous
  revised "$d/revision" revision
  stands
  say "run ${d##*/} $previous $revision $e"
done
say told
