# Reads the request, one fact a line, checks each, and makes the text that becomes the script.

# Everything is checked again here: the client may be older, newer, or not Fleetwide.
name() {
  case $2 in
    '' | [.-]* | *[!$letters.-]*) bad "$1 is not a name: $2" ;;
  esac
  [ ${#2} -le 100 ] || bad "$1 is too long"
}
number() {
  case $2 in
    '' | *[!0123456789]*) bad "$1 is not a number: $2" ;;
  esac
  [ ${#2} -le 15 ] || bad "$1 is too big: $2"
}
# A value is printable ASCII with every other byte as \0ooo, so that it can stand between single quotes.
escaped() { case $1 in *[!$letters\\./:=@%+,-]*) return 1 ;; esac; }
value() { escaped "$2" || bad "$1 is not escaped"; }

# Appends to the launch text the code that decodes value $2; $1 is how it is used, with `@` for the value.
launch() {
  case $2 in
    *\\*) text="$text${nl}fw=\$(printf %b. '$2')$nl${1%@*}\"\${fw%.}\"${1##*@}" ;;
    *) text="$text$nl${1%@*}'$2'${1##*@}" ;;
  esac
}

request() {
  read -r word version nonce || exit 1
  case $word$nonce in
    fleetwide*[!$letters]*) exit 1 ;;
    fleetwide?*) ;;
    *) exit 1 ;;
  esac
  [ "$version" = 1 ] || bad "this guard speaks version 1, not $version"
  mode='' app='' run='' attempt='' fence='' deadline='' grace='' lost='' revision=- skip1=0 skip2=0 size='' text='' host='' direct=''
  while read -r key a b; do
    case $key in
      mode) mode=$a ;;
      app) app=$a ;;
      run) run=$a ;;
      attempt) attempt=$a ;;
      fence) fence=$a ;;
      deadline) deadline=$a ;;
      grace) grace=$a ;;
      lost) lost=$a ;;
      revision)
        value revision "$a"
        revision=$a
        ;;
      resume) skip1=$a skip2=$b ;;
      arg)
        value arg "$a"
        word=''
        launch 'set -- "$@" @' "$a"
        ;;
      # The place of the script's own path, which only this host knows. With no word before it, the file is itself a
      # program.
      self)
        direct=$word
        text="$text${nl}set -- \"\$@\" \"\$fw_self\""
        ;;
      needs)
        value needs "$a"
        e=$(printf %b. "$a")
        e=${e%.}
        case $e in
          */*) [ -f "$e" ] && [ -x "$e" ] ;;
          *) command -v "$e" ;;
        esac || refuse no-tool "this host has no program $a, which the script's first line asks for"
        ;;
      env)
        [ "$a" = FLEETWIDE_HOST_ID ] && host=$b
        case $a in
          '' | [0-9]* | *[!$letters]*) bad "env has a bad name: $a" ;;
        esac
        value "env $a" "$b"
        launch "$a=@; export $a" "$b"
        ;;
      script)
        size=$a
        break
        ;;
      *) bad "unknown key: $key" ;;
    esac
  done
  number deadline "$deadline"
  number grace "$grace"
  number script "$size"
  case $mode in
    deploy | attach | run | query) ;;
    *) bad "mode $mode" ;;
  esac
  case $lost in
    finish | kill) ;;
    *) bad "lost $lost" ;;
  esac
  [ "$mode" = run ] && return
  name app "$app"
  [ "$mode" = query ] && return
  name run "$run"
  number attempt "$attempt"
  number fence "$fence"
  number resume "$skip1"
  number resume "$skip2"
}
