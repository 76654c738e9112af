# Hands mail to the model and notes what became of it: run by bash, 3.2 or later, for every hook event.
#   mail.sh <Event> [block]     $CLAUDE_PID, else the parent, is the host process; its spool lies under $CCT_HOME
#
# Whatever goes wrong, the host goes on: nothing here fails, and status 2 (which denies and wakes) is given on purpose
# only. On the path without mail nothing is forked and standard input is not read.
#
# The files (src/session/spool.ts):  mail -> taken.X -> done.X -> seen.X -> read.X     each arrow is a rename
#   taken: a hook has it    done: printed    seen: in the model's next request for certain    read: the model went on after that
# A batch of tools runs side by side, so a later tool call of the same batch is no answer of the model: PostToolBatch tells.

event=$1
option=$2
spool=${CCT_HOME:-$HOME/.cct}/spool/${CLAUDE_PID:-$PPID}

any() { [[ -e $1 ]]; }

case $event in
PreToolUse)
  # Hosts that never end a batch (older ones) leave no `batches`: there any later tool call counts as the model's answer.
  [[ -e $spool/mail ]] || any "$spool"/seen.* || { [[ ! -e $spool/batches ]] && any "$spool"/done.*; } || exit 0
  ;;
PostToolBatch)
  [[ -d $spool ]] || exit 0
  [[ -e $spool/batches ]] || { printf '' >"$spool/batches"; } 2>/dev/null
  [[ -e $spool/mail ]] || any "$spool"/seen.* || any "$spool"/done.* || exit 0
  ;;
FileChanged)
  [[ -e $spool/mail ]] || exit 0
  # Without a person at a terminal the host drops what a wake says: there mail comes with tools and at the end of the turn.
  [[ ${CLAUDE_CODE_SESSION_ATTENDED-1} == 0 || ${CLAUDE_CODE_ENTRYPOINT-} == sdk-* ]] && exit 0
  ;;
esac

LC_ALL=C
umask 077

input=
if [[ $event != FileChanged && $event != Stop && $event != StopFailure && $event != UserPromptSubmit ]]; then
  if ((BASH_VERSINFO[0] > 3)); then
    IFS= read -r -t 2 -N 65536 input
  else
    IFS= read -r -t 2 -d '' -n 65536 input
  fi 2>/dev/null
fi

# What stands before and after tool_input: a tool's arguments may hold any key, so they are never looked at.
before=${input%%\"tool_input\"*}
after=
if ((${#input} < 65536)); then
  # Only the last of it: to look for a bracket from the end costs the square of the length.
  after=${input:$((${#input} > 1000 ? ${#input} - 1000 : 0))}
  after=${after%\}*}
  after=${after##*\}}
fi

# Written over in place, and readers take the first line: to truncate first costs a flush, and shows an empty file.
note() { { printf '%s\n' "$2" 1<>"$spool/$1"; } 2>/dev/null; }

look_at() { value= && { IFS= read -r value <"$spool/$1"; } 2>/dev/null; }

advance() {
  local file
  for file in "$spool/$1".*; do
    [[ -e $file ]] && mv -f "$file" "$spool/$2.${file##*/"$1".}" 2>/dev/null
  done
}

# Takes the mail file, so that nobody else can, and reads it. Fails when there is none, or when it is no mail file:
# then it stays taken, and the session server, which knows what it had put there, fetches it.
take() {
  name=$$-$RANDOM$RANDOM
  mv -f "$spool/mail" "$spool/taken.$name" 2>/dev/null || return 1
  head= json= plain=
  { IFS= read -r head && IFS= read -r json && IFS= read -r -d '' plain; } 2>/dev/null <"$spool/taken.$name"
  [[ $head == interrupt\ * || $head == normal\ * || $head == low\ * ]] && [[ $json == \"*\" && -n $plain ]]
}

taken_is() { mv -f "$spool/taken.$name" "$spool/$1.$name" 2>/dev/null; }

# Everything that a hook prints comes through here: printed first, marked then. Killed in between, it comes again, marked.
show() {
  # shellcheck disable=SC2059
  { printf "$1\n" "$json"; } 2>/dev/null && taken_is "$2"
}

agent='"agent_id"[[:space:]]*:[[:space:]]*"[^"]'
untouchable='"tool_name"[[:space:]]*:[[:space:]]*"(ToolSearch|mcp__(plugin_cct_)?cct__[^"]*)"'

case $event in
PreToolUse)
  [[ $before =~ $agent || $after =~ $agent ]] && exit 0
  advance seen read
  [[ -e $spool/batches ]] || advance done read
  # The model needs ToolSearch and our own tools to answer mail; what waits comes when their batch has ended.
  [[ $before =~ $untouchable || $after =~ $untouchable ]] && exit 0
  look_at mail && [[ $value != low\ * ]] && take || exit 0
  if [[ $head == interrupt\ * || $head == *\ block || $head == *\ block\ * || $option == block || ${CCT_DELIVERY-} == block ]]; then
    show '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":%s}}' done
  else
    show '{"hookSpecificOutput":{"hookEventName":"PreToolUse","additionalContext":%s}}' done
  fi
  ;;
PostToolBatch)
  [[ $before =~ $agent || $after =~ $agent ]] && exit 0
  advance seen read
  advance done seen
  # Mail that shall hold a tool call back waits for one.
  look_at mail && [[ $value != low\ * && $value != interrupt\ * && $value != *\ block && $value != *\ block\ * ]] || exit 0
  [[ ${CCT_DELIVERY-} != block ]] && take || exit 0
  show '{"hookSpecificOutput":{"hookEventName":"PostToolBatch","additionalContext":%s}}' seen
  ;;
UserPromptSubmit)
  [[ -d $spool ]] || exit 0
  note state active
  note stops 0
  any "$spool/mail" && take && show '{"hookSpecificOutput":{"hookEventName":"UserPromptSubmit","additionalContext":%s}}' seen
  ;;
Stop)
  [[ -d $spool ]] || exit 0
  advance seen read
  advance done read
  # Idle first, then the look: mail that comes in between finds a session that can be woken.
  note state idle
  look_at stops
  [[ $value == [0-3] ]] && count=$value || count=0
  if look_at mail && [[ $value != low\ * ]] && ((count < 3)) && take; then
    note state active
    note stops $((count + 1))
    if [[ $option == block ]]; then
      # For hosts that do not know context here yet.
      show '{"decision":"block","reason":%s}' seen
    else
      # Context continues the turn like a reason does, but the host shows the model a reason twice.
      show '{"hookSpecificOutput":{"hookEventName":"Stop","additionalContext":%s}}' seen
    fi
  else
    note stops 0
  fi
  ;;
StopFailure)
  [[ -d $spool ]] && note state idle
  ;;
FileChanged)
  look_at state
  state=$value
  look_at mail || exit 0
  [[ $value == low\ * || $state == ended ]] && exit 0
  # A working session gets its mail with its tools, unless it has waited there for too long.
  [[ $state == active && $value != *\ late && $value != *\ late\ * ]] && exit 0
  take || exit 0
  printf '%s' "$plain" >&2 && taken_is done && exit 2
  ;;
SessionStart)
  mkdir -p "$spool" 2>/dev/null || exit 0
  pattern='"session_id"[[:space:]]*:[[:space:]]*"([A-Za-z0-9-]+)"'
  [[ $input =~ $pattern ]] && note session "${BASH_REMATCH[1]}"
  pattern='"source"[[:space:]]*:[[:space:]]*"compact"'
  [[ $input =~ $pattern ]] || note state idle
  path=${spool//\\/\\\\}
  path=${path//\"/\\\"}
  # The host watches this file from now on; its folder must exist by now, and stay.
  printf '{"hookSpecificOutput":{"hookEventName":"SessionStart","watchPaths":["%s/mail"]}}\n' "$path" 2>/dev/null
  ;;
SessionEnd)
  pattern='"reason"[[:space:]]*:[[:space:]]*"(clear|resume)"'
  [[ $input =~ $pattern ]] || { [[ -d $spool ]] && note state ended; }
  ;;
esac
exit 0
