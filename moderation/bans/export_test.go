package bans

// GiveBack is giveBack, for tests.
var GiveBack = (*Service).giveBack
