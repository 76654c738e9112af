/*
 * The delivery protocol as a Promela model, for spin. docs/delivery-protocol.md explains it.
 *
 * Up to two senders (MESSAGES) send a message each to one peer. A broker, the peer's session server, two hooks, its host and a network with delays
 * act in any order, and FAULTS faults happen at any moment: a lost or late answer, a lease that runs out, a crash of the session
 * server, of a hook or of the host, a power cut at the broker. A crash of the broker alone is a lost answer: its transactions are
 * atomic.
 *
 * Checked in every state:
 *   - a text that is shown again is marked,
 *   - `delivered` and `read` are only said of a text that the host was given with that attempt.
 * Checked where nothing can happen any more:
 *   - every message that was accepted has been shown and is read, and the spool is empty.
 *
 * Names are those of src/rules: delivery.ts (the broker), mailroom.ts and mailshown.ts (the session server), plugin/hooks/mail.sh (the
 * hooks). DEFECT switches on one known defect; each must be found.
 */

#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef DEFECT
#define DEFECT 0
#endif

/* Known defects, one at a time. */
#define ACK_WITHOUT_FENCING      1 /* an acknowledgement applies to whatever attempt is current */
#define DELIVERED_AT_CLAIM       2 /* the broker says `delivered` when it hands the message out */
#define LAPSE_WITHOUT_MARK       3 /* a claim that ran out is queued again without a mark */
#define WITHDRAWN_AS_RETURNED    4 /* mail that a dead hook took counts as certainly not shown */
#define MARK_BEFORE_PRINT        5 /* a hook renames the file, then prints */
#define PRINT_WITHOUT_LOOK       6 /* a hook prints without a look whether the file is still its own */
#define REMOVE_BEFORE_ACK        7 /* the session server removes a file that was read before it reports it */
#define HOST_DIED_UNNOTICED      8 /* mail that a dead host was shown and did not read stays `delivered` */
#define POWER_CUT_UNMARKED      9 /* after a power cut queued mail is not marked */
#define FRESH_MARK_IN_FILE     10 /* a message that is claimed again twice loses its mark in the mail file */
#define SEND_NOT_IDEMPOTENT    11 /* a repeated send queues the message again */
#define DOUBLE_LEFT_TO_HOOK    12 /* mail that comes again is shown while a hook still has the copy without the mark */
#define FORMER_HOST_REPORTS    13 /* the broker takes a late report of the host process that the peer had before */

#define M 2     /* messages, each of its own sender */
#define SLOTS 3 /* files that were taken: by two hooks, and one of a tool's answer */
#define CHECK 2 /* the slot of the tool's answer */

mtype:state = { none, queued, claimed, delivered, read };
mtype:outcome = { isDelivered, isRead, isReturned, isLost };
mtype:stage = { absent, taken, done, seen };

/* One delivery at the broker: src/rules/delivery.ts. */
typedef Delivery {
  mtype:state state = none;
  byte attempt;
  bit marked;
  byte lost
};
/* One message in a file: attempt 0 means that it is not there. */
typedef Copy {
  byte attempt;
  bit marked
};
typedef File {
  mtype:stage stage = absent;
  Copy copy[M]
};
typedef Ack {
  byte attempt;
  mtype:outcome outcome
};

Delivery at[M];    /* durable */
Copy mail[M];      /* the file `mail` of the spool */
File file[SLOTS];  /* files that were taken */
Copy hand[M];      /* claims in the memory of the session server */
Ack unconfirmed[M];/* acknowledgements in the memory of the session server */
Ack late[M];       /* acknowledgements that the network still has */
byte said[M];      /* attempts with which the host was given the text, as bits */
bit hookLives[2];
bit reported[SLOTS];/* the session server has reported the file as shown */
byte faults = FAULTS;
bit hadPowerCut;
bit hostDied;      /* the session server has to begin anew, with an empty spool */

/* The broker. Each of these is one transaction. */

#define isLapsed(m) (at[m].state == queued && at[m].attempt > 0 && at[m].lost > 0)

inline requeue(id, mayBeSeen) {
  at[id].state = queued;
  if
  :: mayBeSeen ->
    at[id].lost++;
    if
    :: DEFECT == LAPSE_WITHOUT_MARK -> skip
    :: else -> at[id].marked = 1
    fi
  :: else
  fi
}

/* What the broker tells a sender now. */
inline tellTruth(id) {
  assert(said[id] & (1 << at[id].attempt))
}

inline acknowledge(id, try, how) {
  if
  :: at[id].attempt != try && DEFECT != ACK_WITHOUT_FENCING -> skip
  :: else ->
    if
    :: at[id].state == claimed && how == isReturned -> requeue(id, 0)
    :: at[id].state == claimed && how == isLost -> requeue(id, 1)
    :: (at[id].state == claimed || isLapsed(id)) && (how == isDelivered || how == isRead) ->
      if
      :: at[id].state == queued -> at[id].lost--
      :: else
      fi;
      tellTruth(id);
      if
      :: how == isRead -> at[id].state = read
      :: else -> at[id].state = delivered
      fi
    :: at[id].state == delivered && how == isRead ->
      tellTruth(id);
      at[id].state = read
    :: else
    fi
  fi
}

inline renew(id, try) {
  if
  :: at[id].attempt == try && isLapsed(id) ->
    at[id].state = claimed;
    at[id].lost--
  :: else
  fi
}

/* Somebody has this claim: its lease does not run out unless the network fails. */
#define isHeld(m) ( \
  mail[m].attempt == at[m].attempt || hand[m].attempt == at[m].attempt || unconfirmed[m].attempt == at[m].attempt || \
  file[0].copy[m].attempt == at[m].attempt || file[1].copy[m].attempt == at[m].attempt || file[2].copy[m].attempt == at[m].attempt)

/* The model sees a text. */
inline showText(id, try, isMarked) {
  assert(!(said[id] != 0 && !isMarked));
  said[id] = said[id] | (1 << try)
}

inline fault() {
  faults > 0;
  faults--
}

proctype Sender(byte m) {
  do
  :: atomic {
      if
      :: at[m].state == none -> at[m].state = queued
      :: DEFECT == SEND_NOT_IDEMPOTENT && at[m].state != none -> at[m].state = queued
      :: else
      fi
    };
    if
    :: break
    :: atomic { fault() } /* The answer is lost: it sends again, with the same id. */
    fi
  od
}

inline markAll(id) {
  if
  :: DEFECT == POWER_CUT_UNMARKED -> skip
  :: else -> at[id].marked = 1
  fi;
  at[id].lost++
}

/* What happens at the broker by itself. */
active proctype Broker() {
  byte m;
end:
  do
  :: atomic { at[0].state == claimed && !isHeld(0) -> requeue(0, 1) }
  :: atomic { at[1].state == claimed && !isHeld(1) -> requeue(1, 1) }
  :: atomic { at[0].state == claimed && isHeld(0) && faults > 0 -> faults--; requeue(0, 1) }
  :: atomic { at[1].state == claimed && isHeld(1) && faults > 0 -> faults--; requeue(1, 1) }
  :: atomic { /* A power cut forgets steps forward that had not reached the disk. */
      fault();
      hadPowerCut = 1;
      for (m : 0 .. M - 1) {
        if
        :: at[m].state == none -> skip
        :: at[m].state == queued -> at[m].attempt++; markAll(m)
        :: at[m].state == claimed || at[m].state == delivered || at[m].state == read -> skip
        :: at[m].state == claimed || at[m].state == delivered || at[m].state == read -> at[m].state = queued; markAll(m)
        :: at[m].state == delivered || at[m].state == read -> at[m].state = claimed
        :: at[m].state == read -> at[m].state = delivered
        fi
      };
      m = 0
    }
  od
}

/* An acknowledgement that its sender took for lost arrives after all. */
active proctype Network() {
end:
  do
  :: atomic { late[0].attempt != 0 -> acknowledge(0, late[0].attempt, late[0].outcome); late[0].attempt = 0 }
  :: atomic { late[1].attempt != 0 -> acknowledge(1, late[1].attempt, late[1].outcome); late[1].attempt = 0 }
  od
}

#define isMail (mail[0].attempt != 0 || mail[1].attempt != 0)

inline dropMail() {
  mail[0].attempt = 0; mail[0].marked = 0;
  mail[1].attempt = 0; mail[1].marked = 0
}

inline dropHand() {
  hand[0].attempt = 0; hand[0].marked = 0;
  hand[1].attempt = 0; hand[1].marked = 0
}

inline clearFile(b) {
  file[b].stage = absent;
  file[b].copy[0].attempt = 0; file[b].copy[0].marked = 0;
  file[b].copy[1].attempt = 0; file[b].copy[1].marked = 0;
  reported[b] = 0
}

inline print(b) {
  if
  :: file[b].copy[0].attempt != 0 -> showText(0, file[b].copy[0].attempt, file[b].copy[0].marked)
  :: else
  fi;
  if
  :: file[b].copy[1].attempt != 0 -> showText(1, file[b].copy[1].attempt, file[b].copy[1].marked)
  :: else
  fi
}

/* plugin/hooks/mail.sh. Each step is a rename, which one process wins. */
active [2] proctype Hook() {
  byte b = _pid - 2;
  Copy mine[M];
end:
  do
  :: atomic {
      isMail && file[b].stage == absent && !hostDied ->
      file[b].copy[0].attempt = mail[0].attempt; file[b].copy[0].marked = mail[0].marked;
      file[b].copy[1].attempt = mail[1].attempt; file[b].copy[1].marked = mail[1].marked;
      dropMail();
      mine[0].attempt = file[b].copy[0].attempt; mine[0].marked = file[b].copy[0].marked;
      mine[1].attempt = file[b].copy[1].attempt; mine[1].marked = file[b].copy[1].marked;
      file[b].stage = taken;
      hookLives[b] = 1
    };
    if
    :: DEFECT == MARK_BEFORE_PRINT ->
      atomic { if :: file[b].stage == taken -> file[b].stage = done :: else fi };
      if
      :: atomic { file[b].stage == done -> print(b) }
      :: atomic { file[b].stage != done && file[b].stage != seen } -> skip
      :: atomic { fault() }
      fi
    :: else ->
      if
      :: atomic { /* It looks whether the file is still its own right before it prints. */
          if
          :: file[b].stage == taken && !hostDied -> print(b)
          :: file[b].stage == taken && hostDied -> clearFile(b) /* nobody reads it, so it does not go on */
          :: DEFECT == PRINT_WITHOUT_LOOK && file[b].stage != taken ->
            if :: mine[0].attempt != 0 -> showText(0, mine[0].attempt, mine[0].marked) :: else fi;
            if :: mine[1].attempt != 0 -> showText(1, mine[1].attempt, mine[1].marked) :: else fi
          :: else
          fi
        };
        if
        :: atomic { if :: file[b].stage == taken -> file[b].stage = done :: else fi }
        :: atomic { fault() } /* killed after it printed */
        fi
      :: atomic { fault() } /* killed before it printed */
      fi
    fi;
    atomic {
      hookLives[b] = 0;
      mine[0].attempt = 0; mine[0].marked = 0;
      mine[1].attempt = 0; mine[1].marked = 0
    }
  od
}

/* The host: its model continues with the text in view, which the next hook notes; or it dies, and a new one resumes. */
active proctype Host() {
  byte b;
end:
  do
  :: atomic { file[0].stage == done -> file[0].stage = seen }
  :: atomic { file[1].stage == done -> file[1].stage = seen }
  :: atomic { file[2].stage == done -> file[2].stage = seen }
  :: atomic { !hostDied && faults > 0 -> faults--; hostDied = 1 }
  od
}

/* The session server reports how a claim ended; it repeats that until the broker has confirmed it. */
inline tell(id, try, how) {
  if
  :: acknowledge(id, try, how); sent = 1
  :: faults > 0 -> faults--; acknowledge(id, try, how); sent = 0 /* the answer is lost */
  :: faults > 0 && late[id].attempt == 0 -> faults--; late[id].attempt = try; late[id].outcome = how; sent = 0
  fi
}

inline noteUnconfirmed(id, try, how) {
  if
  :: try != 0 -> unconfirmed[id].attempt = try; unconfirmed[id].outcome = how
  :: else
  fi
}

/* A crash: its memory is gone, the spool stays. */
inline mayCrash() {
  if
  :: skip
  :: atomic { fault() } -> goto begin
  :: atomic { hostDied } -> goto begin
  fi
}

#define hasClaim(m) ( \
  mail[m].attempt == at[m].attempt || file[0].copy[m].attempt == at[m].attempt || \
  file[1].copy[m].attempt == at[m].attempt || file[2].copy[m].attempt == at[m].attempt)

inline register(id, continues) {
  if
  :: at[id].state == claimed && !hasClaim(id) -> requeue(id, 1)
  :: at[id].state == delivered && !continues && DEFECT != HOST_DIED_UNNOTICED -> requeue(id, 1)
  :: else
  fi
}

#define isUseful ( \
  at[0].state == queued || at[1].state == queued || \
  file[0].stage != absent || file[1].stage != absent || file[2].stage != absent)

/* A message that is in the mail file and was claimed again keeps its mark: nobody has seen it here. */
inline merge(id) {
  if
  :: mail[id].attempt != 0 && hand[id].attempt != 0 ->
    if
    :: DEFECT == FRESH_MARK_IN_FILE -> hand[id].marked = 0
    :: else -> hand[id].marked = mail[id].marked
    fi
  :: mail[id].attempt != 0 && hand[id].attempt == 0 ->
    hand[id].attempt = mail[id].attempt; hand[id].marked = mail[id].marked
  :: else
  fi
}

/* A hook that has not printed yet a message that came again must not print it any more: its copy has no mark. */
#define isDouble(b) (file[b].stage == taken && \
  (file[b].copy[0].attempt != 0 && hand[0].attempt != 0 || file[b].copy[1].attempt != 0 && hand[1].attempt != 0))

inline withdraw(b, how) {
  noteUnconfirmed(0, file[b].copy[0].attempt, how);
  noteUnconfirmed(1, file[b].copy[1].attempt, how);
  clearFile(b)
}

inline withdrawDoubles() {
  if
  :: isDouble(0) && DEFECT != DOUBLE_LEFT_TO_HOOK -> withdraw(0, isLost)
  :: else
  fi;
  if
  :: isDouble(1) && DEFECT != DOUBLE_LEFT_TO_HOOK -> withdraw(1, isLost)
  :: else
  fi
}

active proctype Session() {
  byte m;
  byte b;
  bit sent;
begin:
  atomic { /* It registers with the claims that are in the spool. */
    dropHand();
    unconfirmed[0].attempt = 0; unconfirmed[1].attempt = 0;
    reported[0] = 0; reported[1] = 0; reported[2] = 0;
    if
    :: hostDied ->
      /* Another host process has another spool. */
      dropMail();
      clearFile(0); clearFile(1); clearFile(2);
      register(0, 0); register(1, 0);
      if
      :: DEFECT == FORMER_HOST_REPORTS -> skip
      :: else -> late[0].attempt = 0; late[1].attempt = 0 /* refused, because they name another process */
      fi;
      hostDied = 0
    :: else ->
      register(0, 1); register(1, 1)
    fi;
    m = 0; b = 0; sent = 0
  };
  /* It gives back what lies in the mail file. */
  atomic {
    noteUnconfirmed(0, mail[0].attempt, isReturned); noteUnconfirmed(1, mail[1].attempt, isReturned);
    dropMail()
  };
  mayCrash();

endIdle:
  do
  :: atomic { hostDied } -> goto begin
  :: atomic { faults > 0 && isUseful -> faults-- } -> goto begin
  :: atomic { /* A heartbeat renews the claims that it has. */
      (isLapsed(0) && hasClaim(0)) || (isLapsed(1) && hasClaim(1)) ->
      if :: hasClaim(0) -> renew(0, at[0].attempt) :: else fi;
      if :: hasClaim(1) -> renew(1, at[1].attempt) :: else fi
    }
  :: atomic { /* A hook that took the file has died, or stands still. */
      if
      :: file[0].stage == taken && !hookLives[0] -> b = 0
      :: file[1].stage == taken && !hookLives[1] -> b = 1
      :: file[0].stage == taken && hookLives[0] && faults > 0 -> faults--; b = 0
      :: file[1].stage == taken && hookLives[1] && faults > 0 -> faults--; b = 1
      fi;
      withdraw(b, (DEFECT == WITHDRAWN_AS_RETURNED -> isReturned : isLost));
      b = 0
    };
    mayCrash()
  :: atomic { unconfirmed[0].attempt != 0 -> tell(0, unconfirmed[0].attempt, unconfirmed[0].outcome) ;
      if :: sent -> unconfirmed[0].attempt = 0 :: else fi; sent = 0 }
  :: atomic { unconfirmed[1].attempt != 0 -> tell(1, unconfirmed[1].attempt, unconfirmed[1].outcome) ;
      if :: sent -> unconfirmed[1].attempt = 0 :: else fi; sent = 0 }
  :: atomic { /* It reports what was shown. */
      if
      :: file[0].stage == done && !reported[0] -> b = 0
      :: file[1].stage == done && !reported[1] -> b = 1
      :: file[2].stage == done && !reported[2] -> b = 2
      fi;
      for (m : 0 .. M - 1) {
        if
        :: file[b].copy[m].attempt != 0 -> tell(m, file[b].copy[m].attempt, isDelivered)
        :: else -> sent = 1
        fi;
        if :: !sent -> break :: else fi
      };
      if :: sent -> reported[b] = 1 :: else fi;
      m = 0; b = 0; sent = 0
    }
  :: atomic { /* It reports what was read, and then removes the file. */
      if
      :: file[0].stage == seen -> b = 0
      :: file[1].stage == seen -> b = 1
      :: file[2].stage == seen -> b = 2
      fi
    };
    if
    :: DEFECT == REMOVE_BEFORE_ACK ->
      atomic {
        noteUnconfirmed(0, file[b].copy[0].attempt, isRead); noteUnconfirmed(1, file[b].copy[1].attempt, isRead);
        clearFile(b)
      };
      mayCrash()
    :: else ->
      atomic {
        for (m : 0 .. M - 1) {
          if
          :: file[b].copy[m].attempt != 0 -> tell(m, file[b].copy[m].attempt, isRead)
          :: else -> sent = 1
          fi;
          if :: !sent -> break :: else fi
        };
        m = 0
      };
      mayCrash();
      atomic { if :: sent -> clearFile(b) :: else fi }
    fi;
    atomic { b = 0; sent = 0 }
  :: atomic { /* It claims what waits, when all is reported that may come again. */
      unconfirmed[0].attempt == 0 && unconfirmed[1].attempt == 0 && (at[0].state == queued || at[1].state == queued) ->
      for (m : 0 .. M - 1) {
        if
        :: at[m].state == queued ->
          at[m].state = claimed; at[m].attempt++;
          hand[m].attempt = at[m].attempt; hand[m].marked = at[m].marked;
          if
          :: DEFECT == DELIVERED_AT_CLAIM -> tellTruth(m); at[m].state = delivered
          :: else
          fi
        :: else
        fi
      };
      m = 0;
      if
      :: skip
      :: faults > 0 -> faults--; /* the answer is lost */
        dropHand()
      fi
    };
    mayCrash();
    if
    :: atomic { hand[0].attempt == 0 && hand[1].attempt == 0 } -> skip
    :: else ->
      if
      :: /* It takes the mail file back, and puts it in place again with what is new. */
        atomic { merge(0); merge(1); dropMail() };
        mayCrash();
        atomic { withdrawDoubles() };
        mayCrash();
        atomic {
          mail[0].attempt = hand[0].attempt; mail[0].marked = hand[0].marked;
          mail[1].attempt = hand[1].attempt; mail[1].marked = hand[1].marked;
          dropHand()
        }
      :: atomic { file[CHECK].stage == absent && !isMail ->
          /* Or it is the answer of a tool, which the model asked for. */
          withdrawDoubles();
          if :: hand[0].attempt != 0 -> showText(0, hand[0].attempt, hand[0].marked) :: else fi;
          if :: hand[1].attempt != 0 -> showText(1, hand[1].attempt, hand[1].marked) :: else fi
        };
        mayCrash();
        atomic {
          file[CHECK].copy[0].attempt = hand[0].attempt; file[CHECK].copy[0].marked = hand[0].marked;
          file[CHECK].copy[1].attempt = hand[1].attempt; file[CHECK].copy[1].marked = hand[1].marked;
          file[CHECK].stage = done;
          dropHand()
        }
      fi
    fi
  od
}

/* A power cut may forget `read`, but not that it was `delivered`, if that had reached the disk. */
#define isSettled(m) (at[m].state == none || at[m].state == read || (hadPowerCut && at[m].state == delivered))

/* When nothing can happen any more. */
active proctype End() {
  timeout;
  assert(isSettled(0) && isSettled(1));
  assert(at[0].state != none && (said[1] != 0 || MESSAGES == 1));
  assert(!isMail && file[0].stage == absent && file[1].stage == absent && file[2].stage == absent)
}

init {
  atomic {
    run Sender(0);
    if
    :: MESSAGES > 1 -> run Sender(1)
    :: else
    fi
  }
}
