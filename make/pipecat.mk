# Bots that others wrote: pipecat's own servers, which the relay calls as Exotel and as Twilio do (tests/contract).
test: .cache/pipecat/.installed
