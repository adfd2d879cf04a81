# Checks this host's tools: what differs between hosts is tried before it is relied on.

tools() {
  # Each of these shells withholds descriptors from its children, or does not pass on every byte.
  t=${ZSH_VERSION:+zsh}${KSH_VERSION:+ksh}${YASH_VERSION:+yash}
  [ -z "$t" ] || refuse no-tool "this host's sh is $t; the guard knows dash, bash and busybox ash"
  e=''
  [ "$skip1$skip2" = 00 ] || e='dd'
  for t in awk cat chmod head mkdir mv rm sleep wc $e; do
    command -v "$t" >/dev/null || refuse no-tool "this host has no $t"
  done
  # awk forks the launcher, so it is no group leader, and each of these starts a session without another fork.
  if command -v setsid >/dev/null; then leader='setsid sh'
  elif command -v perl >/dev/null; then leader="perl -MPOSIX -e 'setsid;exec @ARGV' sh"
  elif command -v python3 >/dev/null; then
    # Python starts with SIGPIPE and SIGXFSZ ignored; the script must not inherit that.
    leader="python3 -Ic 'import os,signal as s;s.signal(s.SIGPIPE,s.SIG_DFL);s.signal(s.SIGXFSZ,s.SIG_DFL);os.setsid();os.execvp(\"sh\",[\"sh\"])'"
  else refuse no-tool 'this host has none of setsid, perl and python3'
  fi
  if sleep 0.001; then tick=0.1 ticks=10; else tick=1 ticks=1; fi
}
