// Loaded before a child process: makes it somebody whom the machine does not know, so that the token files of whoever
// runs the tests (`/tmp/bt_u<uid>`) are never looked at.
process.geteuid = process.getuid = () => 4_200_000_123
