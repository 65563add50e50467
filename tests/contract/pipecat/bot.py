"""A bot as pipecat's users deploy one, run in `.cache/pipecat`: its own transport and serializers; tones for words.

    python bot.py PORT

It greets with two seconds of 1 kHz and answers whoever has spoken with one of 600 Hz; a caller who speaks over it
interrupts it. Key 9: goodbye, as pipecat says it (an EndFrame). Key 5: its process dies on the spot, and the next one
serves the next call. That one is forked: importing pipecat takes 10 s of CPU time.
"""

import os
import signal
import socket
import sys

import numpy as np
import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.frames.frames import (
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    OutputAudioRawFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.exotel import ExotelFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

RATE_HZ = 8000
LOUD = 500  # mean of the absolute samples
PAUSE_FRAMES = 25
DIED = 5  # exit code


def tone(hz: float, seconds: float) -> bytes:
    """`seconds` of a tone, s16le."""
    return (8000 * np.sin(2 * np.pi * hz * np.arange(int(RATE_HZ * seconds)) / RATE_HZ)).astype("<i2").tobytes()


class Tones(FrameProcessor):
    """The bot's whole mind."""

    def __init__(self) -> None:
        super().__init__()
        self._loud = self._quiet = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            return await self._hear(frame)
        if isinstance(frame, InputDTMFFrame):
            return await self._key(frame.button.value)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self._say(1000, 2.0)
        return None

    async def _say(self, hz: float, seconds: float) -> None:
        await self.push_frame(OutputAudioRawFrame(tone(hz, seconds), RATE_HZ, 1))

    async def _hear(self, frame: InputAudioRawFrame) -> None:
        loud = np.abs(np.frombuffer(frame.audio, "<i2").astype(int)).mean() > LOUD
        if loud:
            self._loud, self._quiet = self._loud + 1, 0
            if self._loud == 5:
                await self.broadcast_interruption()
        elif self._loud:
            self._quiet += 1
            if self._quiet == PAUSE_FRAMES:
                spoke, self._loud = self._loud >= 5, 0
                if spoke:
                    await self._say(600, 1.0)

    async def _key(self, key: str) -> None:
        if key == "5":
            os._exit(DIED)
        if key == "9":
            await self._say(1000, 0.5)
            await self.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)


app = FastAPI()


@app.websocket("/ws")
async def call(websocket: WebSocket) -> None:
    """One call."""
    await websocket.accept()
    kind, data = await parse_telephony_websocket(websocket)
    print(f"detected {kind} {data['stream_id']} {data['call_id']}", flush=True)  # noqa: T201  # the test reads it
    if kind == "twilio":
        body = data["body"]
        hangs_up = "twilio_api_url" in body  # the relay's REST calls; on the bench there are none
        serializer = TwilioFrameSerializer(
            stream_sid=data["stream_id"],
            call_sid=data["call_id"],
            account_sid=body.get("twilio_account_sid"),
            auth_token=body.get("twilio_auth_token"),
            base_url=body.get("twilio_api_url"),
            params=TwilioFrameSerializer.InputParams(auto_hang_up=hangs_up),
        )
    else:
        serializer = ExotelFrameSerializer(stream_sid=data["stream_id"], call_sid=data["call_id"])
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=RATE_HZ,
            audio_out_sample_rate=RATE_HZ,
            serializer=serializer,
        ),
    )
    worker = PipelineWorker(
        Pipeline([transport.input(), Tones(), transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ),
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(*_: object) -> None:
        await worker.cancel()

    running = WorkerRunner(handle_sigint=False)
    await running.add_workers(worker)
    await running.run()


def serve(port: int) -> None:
    """Until SIGTERM. Callers who come between a death and the next process wait in the queue of the socket."""
    with socket.create_server(("127.0.0.1", port)) as door:
        code = DIED
        while code == DIED:
            child = os.fork()
            if not child:
                uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[door])
                os._exit(0)
            signal.signal(signal.SIGTERM, lambda *_, child=child: os.kill(child, signal.SIGTERM))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
