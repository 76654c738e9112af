-- Messages whose time is more than a minute ahead of their number, which is made of the confirmed time: those that were sent
-- shortly after a step of the clock. All others are found by time through their numbers.
CREATE INDEX messages_ahead ON messages (sent_at) WHERE sent_at * 1000 > seq + 60000000;
