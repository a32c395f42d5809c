"""An HTTP server of Python's own library whose paths answer in different ways. Prints its port, serves until it is killed."""
import gzip
import http.server

ANSWER = b'{"code":"200000","data":{"token":"t0","instanceServers":[]}}'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status=200, body=ANSWER, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def chunks(self, *parts, trailer=b"", **fields):
        self.answer(body=b"", Transfer_Encoding="chunked", **fields)
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n" + trailer + b"\r\n")

    def do_POST(self):
        self.answer_to(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self):
        self.answer_to(b"")

    def answer_to(self, body):
        path = self.path.split("?")[0]
        if path == "/plain":
            self.answer(Content_Length=len(ANSWER))
        elif path == "/chunked":
            self.chunks(*(ANSWER[i:i + 7] for i in range(0, len(ANSWER), 7)))
        elif path == "/trailer":
            self.chunks(ANSWER, trailer=b"X-Checksum: 1\r\n")
        elif path == "/close":
            self.close_connection = True
            self.answer(Connection="close")
        elif path == "/gzip":
            packed = gzip.compress(ANSWER)
            self.answer(body=packed, Content_Length=len(packed), Content_Encoding="gzip")
        elif path == "/gzip-chunked":
            packed = gzip.compress(ANSWER)
            self.chunks(packed[:10], packed[10:], Content_Encoding="gzip")
        elif path == "/bomb":
            packed = gzip.compress(bytes(64 << 20))
            self.answer(body=packed, Content_Length=len(packed), Content_Encoding="gzip")
        elif path == "/brotli":
            self.answer(body=b"\x0b\x02\x80", Content_Length=3, Content_Encoding="br")
        elif path == "/huge":
            self.answer(body=bytes(2 << 20), Content_Length=2 << 20)
        elif path == "/endless":
            self.answer(body=b"", Transfer_Encoding="chunked")
            while True:
                self.wfile.write(b"1000\r\n" + bytes(0x1000) + b"\r\n")
        elif path == "/short":
            self.close_connection = True
            self.answer(Content_Length=len(ANSWER) + 1)
        elif path == "/cut":
            self.close_connection = True
            self.answer(body=b"ff\r\n" + ANSWER, Transfer_Encoding="chunked")
        elif path == "/redirect":
            self.answer(302, b"", Location="https://elsewhere.test/v2?key=secret", Content_Length=0)
        elif path == "/busy":
            self.answer(429, b"slow down", Retry_After=30, Content_Length=9)
        elif path == "/echo":
            self.answer(body=body, Content_Length=len(body))
        elif path == "/agent":
            text = (self.headers["User-Agent"] + "|" + self.headers.get("X-Key", "")).encode()
            self.answer(body=text, Content_Length=len(text))
        else:
            self.answer(404, b"nothing here", Content_Length=12)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print("port", server.server_address[1], flush=True)
server.serve_forever()
