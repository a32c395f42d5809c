// Go: gorilla/websocket and redigo, pipelined. One goroutine reads the websocket, one writes commands and flushes when none is waiting, one
// reads the replies.
//
// Arguments are those of PathBaseline: host port path subscribe-text redis-socket stream count [ca-file].
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/gorilla/websocket"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gorilla_redigo:", err)
		os.Exit(1)
	}
}

func usage() (user, system float64, peak int64) {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Sec) + float64(u.Utime.Usec)/1e6, float64(u.Stime.Sec) + float64(u.Stime.Usec)/1e6, peakKilobytes()
}

// Since this program was started; Maxrss remembers the program that started it.
func peakKilobytes() (peak int64) {
	text, err := os.ReadFile("/proc/self/status")
	check(err)
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			_, err := fmt.Sscanf(line, "VmHWM: %d kB", &peak)
			check(err)
		}
	}
	return peak
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println("Go " + runtime.Version())
		return
	}
	if len(os.Args) < 8 {
		fmt.Fprintln(os.Stderr, "usage: host port path subscribe-text redis-socket stream count [ca-file]")
		os.Exit(2)
	}
	host, port, path, subscribe, socket, stream := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]
	count, err := strconv.Atoi(os.Args[7])
	check(err)
	scheme := "ws"
	dialer := websocket.Dialer{ReadBufferSize: 1 << 16}
	if len(os.Args) > 8 {
		scheme = "wss"
		roots := x509.NewCertPool()
		text, err := os.ReadFile(os.Args[8])
		check(err)
		if !roots.AppendCertsFromPEM(text) {
			check(fmt.Errorf("%s holds no certificate", os.Args[8]))
		}
		dialer.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	base, err := redis.Dial("unix", socket)
	check(err)
	web, _, err := dialer.Dial(scheme+"://"+host+":"+port+path, nil)
	check(err)
	check(web.WriteMessage(websocket.TextMessage, []byte(subscribe)))

	messages := make(chan []byte, 4096)
	// What is on the way to Redis: the writer waits when it is full.
	under := make(chan int, 1024)
	go func() {
		for {
			_, message, err := web.ReadMessage()
			if err != nil {
				close(messages)
				return
			}
			messages <- message
		}
	}()
	var started time.Time
	var user, system float64
	go func() {
		sent := 0
		pending := 0
		for message := range messages {
			if sent == 0 {
				started = time.Now()
				user, system, _ = usage()
			}
			check(base.Send("XADD", stream, "MAXLEN", "~", "10000", "*", "time", time.Now().UnixNano(), "data", message))
			sent++
			pending++
			if len(messages) == 0 || pending == 256 || sent == count {
				check(base.Flush())
				under <- pending
				pending = 0
			}
			if sent == count {
				return
			}
		}
		check(fmt.Errorf("the websocket ended after %d packets", sent))
	}()
	for answered := 0; answered < count; {
		for replies := <-under; replies > 0; replies-- {
			_, err := base.Receive()
			check(err)
			answered++
		}
	}
	wall := time.Since(started).Seconds()
	userAfter, systemAfter, peak := usage()
	user, system = userAfter-user, systemAfter-system
	text, err := json.Marshal(map[string]interface{}{
		"packets": count, "wall_s": wall, "cpu_user_s": user, "cpu_sys_s": system,
		"us_per_packet": (user + system) * 1e6 / float64(count), "maxrss_kb": peak,
	})
	check(err)
	fmt.Println(string(text))
}
