package cleat

// #include "bridge.h"
import "C"

// Command is one run of a word of the command line, cleat <word> ..., that the plugin adds. Its note names them, in note.c:
// commands=word: one line of help; another: its help.
type Command struct {
	Word      string
	Arguments []string // what followed the word
	call      *C.cleat_command_call
}

// Out writes all of the text to standard output, unbuffered. ErrFailed: nobody reads any more.
func (c *Command) Out(text string) error {
	return check(C.go_command_write(c.call, C.CLEAT_STREAM_OUT, in(text), size(text)))
}

// Error writes all of the text to standard error, as Out does.
func (c *Command) Error(text string) error {
	return check(C.go_command_write(c.call, C.CLEAT_STREAM_ERROR, in(text), size(text)))
}

// RegisterCommand says what runs the plugin's words, in a process that serves nothing, and answers the exit code, 0 to 255. By custom: 0
// done, 1 it failed, 2 bad usage; a panic is 1. There are no instances, workers or exchanges; it may block. In an init function, beside
// Register.
func RegisterCommand(run func(c *Command) int) { registered.command = run }

//export cleatGoCommand
func cleatGoCommand(call *C.cleat_command_call) (code C.int32_t) {
	command := &Command{Word: out(call.word), call: call}
	for i := C.uint64_t(0); i < call.argument_count; i++ {
		command.Arguments = append(command.Arguments, out(C.go_command_argument(call, i)))
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			command.Error(describe(panicked) + "\n")
			code = 1
		}
	}()
	return C.int32_t(registered.command(command))
}
