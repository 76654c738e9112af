# CCT's part of the status line: run by bash, 3.2 or later, each time the host draws it.
#   line.sh [command]     $CLAUDE_PID, else the parent, is the host process; `command` is the user's own status line
#
# Builtins only, no network, and standard input is left to the user's command: what is shown lies in flags/<pid>, one line
# that the session server writes (src/session/flags.ts). Nothing here fails, and no byte of a name reaches the terminal
# that is not a letter, a digit, '.', '_' or '-'.
#
#   CCT:dd5c @feature-x(2) ✉3 held 1 busy 6m      CCT:off: not there, or the broker is away      CCT:—: no such session

home=${CCT_HOME:-$HOME/.cct}
pid=${CLAUDE_PID:-$PPID}

# The user's own comes first, and in its own locale. The host gives the whole line five seconds; one that fails shows nothing.
theirs=
if [[ -n ${1-} ]]; then
  end=$'\036'
  exec 4<&0
  exec 3< <(
    sh -c "$1" <&4 4<&- &
    trap 'kill "$!"; exit 0' TERM
    wait "$!"
    printf '%s%s' "$end" "$?"
  )
  child=$!
  # When the host gives up on the line, or we on the command, the command ends too.
  trap 'kill "$child"; exit 0' TERM
  IFS= read -r -d '' -t 3 theirs <&3
  [[ $theirs == *"$end"* ]] || kill "$child"
  trap - TERM
  [[ $theirs == *"${end}0" ]] && theirs=${theirs%"$end"*} || theirs=
  while [[ $theirs == *$'\n' ]]; do theirs=${theirs%$'\n'}; done
fi 2>/dev/null

LC_ALL=C
columns=${COLUMNS-}
[[ -n $columns && $columns != *[!0-9]* && ${#columns} -lt 6 ]] || columns=80
# The host indents the line, and ends it before the edge.
room=$((10#$columns - 4))

# How many columns a text takes at the most: its bytes, without colours and links.
width_of() {
  local text=$1 rest
  width=0
  while [[ $text == *$'\033'* ]]; do
    rest=${text#*$'\033'}
    text=${text%%$'\033'*}
    width=$((width + ${#text}))
    case $rest in
    '['*) text=${rest#*[@-Z^-~]} ;;
    ']'*$'\a'* | ']'*$'\033'\\*) text=${rest#*[$'\a'\\]} ;;
    *) text=$rest ;;
    esac
  done
  width=$((width + ${#text}))
}

look() {
  line=CCT:off
  # What another user laid in our way says nothing, and a pipe would hold us up.
  [[ -d $home && -O $home && ! -L ${home%/} && ! -p $home/flags/$pid && $pid != *[!0-9]* ]] || return
  { IFS=' ' read -r written server peer name broker hook presence busy unread held pool pooled _ <"$home/flags/$pid"; } 2>/dev/null || {
    [[ -e $home/pidmaps/$pid ]] || line='CCT:—'
    return
  }
  local number
  for number in "$written" "$server" "$busy" "$unread" "$held" "$pooled"; do
    [[ -n $number && $number != *[!0-9]* && ${#number} -lt 12 ]] || return
  done
  # The server says something every ten seconds. One that was killed cannot say that it is gone.
  [[ $broker == up && $peer != - ]] && kill -0 "$server" 2>/dev/null || return
  local now=${EPOCHSECONDS-}
  [[ -n $now ]] || printf -v now '%(%s)T' -1 2>/dev/null || now=$(date +%s)
  ((now - written <= 30)) || return

  peer=${peer//[!0-9a-f]/}
  pool=${pool//[!A-Za-z0-9._-]/}
  line=CCT:${peer:0:4}
  words=
  ((unread == 0)) || words=" ✉$unread"
  # What matters most first: what does not fit any more is left out.
  [[ $hook == live ]] || add " no hook"
  [[ $presence == blocked ]] && add " blocked"
  ((held == 0)) || add " held $held"
  if ((busy > 0)); then
    if ((busy > now + 90)); then add " busy $(((busy - now + 30) / 60))m"; else add " busy"; fi
  fi
  local count=
  ((pooled == 0)) || count="($pooled)"
  # `✉` is three bytes and one column.
  local left=$((room - ${#line} - ${#words} - ${#count} - 2 + (unread > 0 ? 2 : 0)))
  if [[ -n $pool && $pool != - ]] && ((left >= 3)); then
    ((${#pool} <= left)) || pool=${pool:0:left - 1}~
    line+=" @$pool$count"
  fi
  line+=$words
}

add() { ((${#line} + ${#words} + ${#1} > room)) || words+=$1; }

look

if [[ -n $theirs ]]; then
  width_of "$theirs"
  # On the same row where there is certainly room for both.
  if [[ $theirs != *$'\n'* ]] && ((width + 2 + ${#line} <= room)); then
    printf '%s  %s\n' "$theirs" "$line"
  else
    printf '%s\n%s\n' "$theirs" "$line"
  fi
else
  printf '%s\n' "$line"
fi 2>/dev/null
exit 0
