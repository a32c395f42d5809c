"""Python `picows` and redis-py with hiredis (asyncio, pipelines by round trip)."""

import asyncio

import picows

from peer import Run, store


async def main():
    run = Run()
    messages, arrived = [], asyncio.Event()

    class Listener(picows.WSListener):
        def on_ws_connected(self, transport):
            self.transport = transport
            self.paused = False
            transport.send(picows.WSMsgType.TEXT, run.subscribe.encode())

        def on_ws_frame(self, transport, frame):
            if frame.msg_type != picows.WSMsgType.TEXT:
                return
            if run.started is None:
                run.first()
            messages.append(frame.get_payload_as_bytes())
            arrived.set()
            if len(messages) > 20000 and not self.paused:
                # Redis is behind: leave the messages with the exchange's socket.
                self.paused = True
                transport.underlying_transport.pause_reading()
                asyncio.get_running_loop().call_later(0.001, self.resume)

        def resume(self):
            if len(messages) > 10000:
                asyncio.get_running_loop().call_later(0.001, self.resume)
                return
            self.paused = False
            self.transport.underlying_transport.resume_reading()

    await picows.ws_connect(Listener, run.url, ssl_context=run.tls)
    await store(run, messages, arrived)


asyncio.run(main())
