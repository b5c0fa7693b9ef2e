-- Events that nobody was served for are forgotten after a while; they are found by this.
CREATE INDEX event_ignored ON event (received_at) WHERE outcome >= 'ignored' AND outcome < 'ignoree';
