// Follows data streams of a feed. go run follow.go URL FEED START CHANNEL:SYMBOL...   (START: an id, or milliseconds-0; standard library only)
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"sort"
	"strconv"
	"strings"
)

// The little of Redis' protocol that a reader needs; go-redis' Do gives the same replies.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
}

func (c *client) call(words ...string) (any, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(c.conn, text.String()); err != nil {
		return nil, err
	}
	return c.reply()
}

func (c *client) reply() (any, error) {
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimRight(line[1:], "\r\n")
	if kind == '-' {
		return nil, fmt.Errorf("Redis: %s", rest)
	} else if kind != '$' && kind != '*' {
		return rest, nil
	}
	count, err := strconv.Atoi(rest)
	if err != nil || count < 0 {
		return nil, err
	}
	if kind == '$' {
		data := make([]byte, count+2)
		_, err := io.ReadFull(c.reader, data)
		return string(data[:count]), err
	}
	list := make([]any, count)
	for i := range list {
		if list[i], err = c.reply(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

type entry struct {
	key, id             string
	ms, epoch, sequence uint64
	fields              map[string]string
}

// "<ms>-<epoch><sequence as 12 digits>"; the second part fits 64 bits without sign.
func decode(key, id string, flat []any) entry {
	head, rest, _ := strings.Cut(id, "-")
	ms, _ := strconv.ParseUint(head, 10, 64)
	tail, _ := strconv.ParseUint(rest, 10, 64)
	e := entry{key, id, ms, tail / 1e12, tail % 1e12, map[string]string{}}
	for i := 0; i+1 < len(flat); i += 2 {
		e.fields[flat[i].(string)] = flat[i+1].(string)
	}
	return e
}

func less(a, b entry) bool {
	if a.ms != b.ms {
		return a.ms < b.ms
	}
	return a.epoch < b.epoch || a.epoch == b.epoch && a.sequence < b.sequence
}

func main() {
	at, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	conn, err := net.Dial("tcp", at.Host)
	if err != nil {
		log.Fatal(err)
	}
	redis, count := client{conn, bufio.NewReaderSize(conn, 1<<16)}, 500
	feed, start, prefix := os.Args[2], os.Args[3], "colony:{"+os.Args[2]+"}:"
	keys := []string{prefix + "feed:" + feed} // the control stream first
	for _, topic := range os.Args[4:] {
		keys = append(keys, prefix+topic)
	}
	cursor, last := map[string]string{}, map[string]entry{}
	for _, key := range keys {
		cursor[key] = start
	}
	read := func(options ...string) (entries []entry, limit *entry) {
		words := append(append([]string{"XREAD", "COUNT"}, options...), "STREAMS")
		words = append(words, keys...)
		for _, key := range keys {
			words = append(words, cursor[key])
		}
		got, err := redis.call(words...)
		if err != nil {
			log.Fatal(err)
		}
		streams, _ := got.([]any) // nil: nothing there
		for _, stream := range streams {
			key, list := stream.([]any)[0].(string), stream.([]any)[1].([]any)
			for _, item := range list {
				entries = append(entries, decode(key, item.([]any)[0].(string), item.([]any)[1].([]any)))
			}
			// A stream that returned COUNT entries may have more: deliver up to the lowest last id of such streams.
			if end := entries[len(entries)-1]; len(list) == count && (limit == nil || less(end, *limit)) {
				limit = &end
			}
		}
		sort.Slice(entries, func(i, j int) bool { return less(entries[i], entries[j]) })
		return entries, limit
	}
	for {
		entries, limit := read(strconv.Itoa(count)) // without BLOCK: one snapshot of all streams
		if len(entries) == 0 {
			read("1", "BLOCK", "5000") // only a wake-up: it returns one stream even if one publish wrote to ten
		}
		for _, e := range entries {
			if limit != nil && less(*limit, e) {
				break
			}
			was, known := last[e.key]
			gap := e.fields["marker"] == "gap" // stands outside the chain of prev
			whole := gap || !known
			if !whole && was.epoch == e.epoch {
				whole = e.fields["prev"] == strconv.FormatUint(was.sequence, 10)
			} else if !whole {
				whole = e.fields["after"] == was.id
			}
			cursor[e.key] = e.id
			line := map[string]any{"stream": e.key, "id": e.id, "epoch": e.epoch, "sequence": e.sequence, "whole": whole}
			for name, value := range e.fields {
				line[name] = value
			}
			if gap {
				e.sequence = was.sequence
			}
			last[e.key] = e
			text, err := json.Marshal(line)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(string(text))
		}
	}
}
