// Loaded before a child process: sets a user id that does not exist on this host, so that the token file of the user who runs
// the tests (`/tmp/bt_u<uid>`) is never read.
process.geteuid = process.getuid = () => 4_200_000_123
