// Follows data streams of a feed. go run follow.go URL FEED START CHANNEL:SYMBOL...   (START: an id, or milliseconds-0; needs go-redis v9)
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

type link struct { // the entry before in a stream
	id              string
	epoch, sequence uint64
}

// "<ms>-<epoch><sequence as 12 digits>"; the second part fits 64 bits without sign.
func split(id string) (ms, tail uint64) {
	head, rest, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(head, 10, 64)
	tail, _ = strconv.ParseUint(rest, 10, 64)
	return ms, tail
}

func less(a, b string) bool {
	aMs, aTail := split(a)
	bMs, bTail := split(b)
	return aMs < bMs || aMs == bMs && aTail < bTail
}

func main() {
	options, err := redis.ParseURL(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	client, ctx, count := redis.NewClient(options), context.Background(), 500
	feed, start, prefix := os.Args[2], os.Args[3], "colony:{"+os.Args[2]+"}:"
	keys := []string{prefix + "feed:" + feed} // the control stream first
	for _, topic := range os.Args[4:] {
		keys = append(keys, prefix+topic)
	}
	cursor, last := map[string]string{}, map[string]link{}
	for _, key := range keys {
		cursor[key] = start
	}
	read := func(count int, block time.Duration) ([]redis.XStream, error) {
		streams := append([]string{}, keys...)
		for _, key := range keys {
			streams = append(streams, cursor[key])
		}
		got, err := client.XRead(ctx, &redis.XReadArgs{Streams: streams, Count: int64(count), Block: block}).Result()
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		return got, err
	}
	for {
		got, err := read(count, -1) // without BLOCK: one snapshot of all streams
		if err == nil && len(got) == 0 {
			_, err = read(1, 5*time.Second) // only a wake-up: it returns one stream even if one publish wrote to ten
		}
		if err != nil {
			log.Fatal(err)
		}
		type item struct {
			key string
			m   redis.XMessage
		}
		var items []item
		limit := "" // a stream that returned COUNT entries may have more: deliver up to the lowest last id of such streams
		for _, stream := range got {
			for _, message := range stream.Messages {
				items = append(items, item{stream.Stream, message})
			}
			if end := stream.Messages[len(stream.Messages)-1].ID; len(stream.Messages) == count && (limit == "" || less(end, limit)) {
				limit = end
			}
		}
		sort.Slice(items, func(i, j int) bool { return less(items[i].m.ID, items[j].m.ID) })
		for _, item := range items {
			if limit != "" && less(limit, item.m.ID) {
				break
			}
			_, tail := split(item.m.ID)
			epoch, sequence := tail/1e12, tail%1e12
			was, known := last[item.key]
			gap := item.m.Values["marker"] == "gap" // stands outside the chain of prev
			whole := gap || !known
			if !whole && was.epoch == epoch {
				whole = item.m.Values["prev"] == strconv.FormatUint(was.sequence, 10)
			} else if !whole {
				whole = item.m.Values["after"] == was.id
			}
			if cursor[item.key] = item.m.ID; gap {
				last[item.key] = link{item.m.ID, epoch, was.sequence}
			} else {
				last[item.key] = link{item.m.ID, epoch, sequence}
			}
			line := map[string]any{"stream": item.key, "id": item.m.ID, "epoch": epoch, "sequence": sequence, "whole": whole}
			for name, value := range item.m.Values {
				line[name] = value
			}
			text, err := json.Marshal(line)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(string(text))
		}
	}
}
