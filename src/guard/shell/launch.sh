# Starts the script, and learns how it ended.

# A shell cannot tell `exit 143` from a death by TERM. awk can, but awks differ: system() returns 256 + signal, the raw
# wait status, or that divided by 256.
# shellcheck disable=SC2016
exact='
  function piped(c) { printf "" | c; return close(c) }
  function raw(s) { return s % 128 ? 256 + s % 128 : int(s / 256) }
  function told(run, probe, died, r) {
    probe = "kill -s KILL $$"
    died = system(probe)
    if (died == 265) r = system(run)
    else if (died * 256 == 9) r = raw(system(run) * 256)
    else if (died == 9 && system("exit 1") == 256) r = raw(system(run))
    else if ((died = piped(probe)) == 265) r = piped(run)
    else if (died == 9) r = raw(piped(run))
    else return "untold"
    if (r > 256) return "signal " r % 256
    return "exit " r
  }'
# What the launcher executes in the end.
# shellcheck disable=SC2016
becomes='exec "$@" >&6 2>&7 6>&- 7>&-'
# Runs the launcher and reports how it ended.
spawn() {
  printf '%s\n' "$text" | {
    exec 8<&0 </dev/null
    fw_self=$dir/script awk -v leader="$leader" "$exact"'
      BEGIN {
        r = told("exec " leader " <&8 8<&-")
        print (r == "untold" ? r : "end " r)
      }' || {
      # Nothing waits for the script any more. The ticks let `supervise` check whether it still runs.
      echo 'end unknown -'
      while sleep $tick; do echo tick || break; done
    }
  } 3>>"$pidfile"
}
# The launcher, in the new session: it records its pid, reports it, and becomes the script.
launcher() {
  # A void attempt has a folder in the script's place, and not every shell fails on that.
  void=''
  [ -z "$dir" ] || void="[ ! -d \"\$fw_self\" ] || exit 126$nl"
  text="{
umask $umask$text
unset fw
echo \"\$\$\" >&3 || { echo full; exit 1; }
(printf '\\036%s started\\n' $nonce >&5; printf '\\036%s started %s %s\\n' $nonce \"\$\$\" '$previous' >&4)
echo pid \"\$\$\"
${void}unset fw_self
$becomes $input 3<&- 4>&- 5>&- 8<&- 9>&-
}"
}
