package server

import "time"

// clock counts the time since the service began. Reading that is cheaper than reading the time.
type clock struct{ begun time.Time }

func (c *clock) now() time.Duration { return time.Since(c.begun) }

// time is the time at a moment of the clock.
func (c *clock) time(moment time.Duration) time.Time { return c.begun.Add(moment) }

// deadline is the moment that comes so long after now. It adds in two steps: the sum of the durations can overflow.
func (c *clock) deadline(now, timeout time.Duration) time.Time { return c.begun.Add(now).Add(timeout) }
