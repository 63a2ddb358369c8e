package main

// What @NAME@ does, seen from outside, through the real kernel; and what it costs a request.

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kernel is a running one, with the plugin on one listener and without it on another.
type kernel struct{ folder, with, without string }

var running kernel

// program is the cleat that CLEAT in the environment names, or the one that made this project.
func program() string {
	if named := os.Getenv("CLEAT"); named != "" {
		return named
	}
	return "@CLEAT@"
}

func TestMain(m *testing.M) {
	code, err := withKernel(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withKernel(run func() int) (int, error) {
	folder, err := os.MkdirTemp("", "@NAME@")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	running.folder = folder
	build := exec.Command("go", "build", "-buildmode=c-shared", "-o", filepath.Join(folder, "plugin.so"), ".")
	if said, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("%v: %s", err, said)
	}
	config := write("cleat.yaml", `
workers: 1
plugins:
  - {name: greets, use: ./plugin.so, config: {path: /hello, greeting: good day}}
listeners:
  - {name: with, address: 127.0.0.1:0, chain: [greets], routes: [{reply: {status: 200, body: nobody}}]}
  - {name: without, address: 127.0.0.1:0, routes: [{reply: {status: 200, body: nobody}}]}
`)
	process := exec.Command(program(), "run", "-c", config)
	said, err := process.StderrPipe()
	if err != nil {
		return 1, err
	}
	if err := process.Start(); err != nil {
		return 1, fmt.Errorf("%v: say in CLEAT where the program is", err)
	}
	defer process.Wait()
	defer process.Process.Kill()
	lines, log := bufio.NewScanner(said), ""
	listening := regexp.MustCompile(`listening on (\S+) \(listener (\w+)\)`)
	for !strings.HasSuffix(log, " kernel ready\n") {
		if !lines.Scan() {
			return 1, fmt.Errorf("the kernel did not start:\n%s", log)
		}
		log += lines.Text() + "\n"
		if found := listening.FindStringSubmatch(lines.Text()); found != nil && found[2] == "with" {
			running.with = "http://" + found[1]
		} else if found != nil {
			running.without = "http://" + found[1]
		}
	}
	go io.Copy(io.Discard, said) // its log is never waited for
	return run(), nil
}

func write(name, text string) string {
	path := filepath.Join(running.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		panic(err)
	}
	return path
}

func get(t testing.TB, url string) (body, seenBy string) {
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	bytes, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes), response.Header.Get("x-seen-by")
}

func TestThePathIsAnsweredHereAndOthersPassByMarked(t *testing.T) {
	if body, _ := get(t, running.with+"/hello"); body != "good day\n" {
		t.Errorf("/hello: %q", body)
	}
	if body, seenBy := get(t, running.with+"/other"); body != "nobody" || seenBy != "@NAME@" {
		t.Errorf("/other: %q, seen by %q", body, seenBy)
	}
	if _, seenBy := get(t, running.without+"/other"); seenBy != "" {
		t.Errorf("without the plugin: seen by %q", seenBy)
	}
}

func TestAnUnknownKeyIsRefusedAndNamed(t *testing.T) {
	config := write("mistake.yaml", `
plugins: [{name: greets, use: ./plugin.so, config: {colour: red}}]
listeners: [{name: in, address: 127.0.0.1:0, chain: [greets], routes: [{reply: {status: 204}}]}]
`)
	validate := exec.Command(program(), "validate", "-c", config)
	said, _ := validate.CombinedOutput()
	if validate.ProcessState.ExitCode() != 2 || !strings.Contains(string(said), "colour: unknown key") {
		t.Errorf("exit %d: %s", validate.ProcessState.ExitCode(), said)
	}
}

// One request after the other on one connection: the difference of the two is what the plugin costs.

func BenchmarkWithPlugin(b *testing.B)    { measure(b, running.with) }
func BenchmarkWithoutPlugin(b *testing.B) { measure(b, running.without) }

func measure(b *testing.B, address string) {
	for i := 0; i < b.N; i++ {
		get(b, address+"/other")
	}
}
