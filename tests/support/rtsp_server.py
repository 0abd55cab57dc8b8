#!/usr/bin/python3
"""A real RTSP server on loopback for tests, benchmarks and trying things out (GStreamer's gst-rtsp-server).

The stream is rtsp://127.0.0.1:PORT/test: a moving picture with a running clock. 'ready PORT' on standard output says that
it listens; SIGTERM ends it.

Debian packages: python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,bad,ugly} gstreamer1.0-x
glib-networking (for --tls-certificate)
"""
import argparse
import itertools
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer, GstVideo  # noqa: E402

REALM = "camera"

ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max={keyint} bframes={bframes} bitrate={bitrate} "
            "intra-refresh={intra_refresh} name=encoder option-string=scenecut=0:b-adapt=0 ! rtph264pay name=pay0 pt=96 config-interval=1",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max={keyint} bitrate={bitrate} "
            "! rtph265pay name=pay0 pt=96 config-interval=1",
    "mjpeg": "video/x-raw,format=I420 ! jpegenc quality=85 ! rtpjpegpay name=pay0 pt=26",
    "vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist={keyint} ! rtpvp8pay name=pay0 pt=96",
    "none": "",
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1", help="to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="to listen on; 0, the default, picks a free one")
    parser.add_argument("--path", default="/test", help="of the stream (/test)")
    parser.add_argument("--size", default="1280x720", help="WIDTHxHEIGHT (1280x720)")
    parser.add_argument("--fps", type=int, default=25, help="pictures per second (25)")
    parser.add_argument("--keyint", type=int, default=50, help="pictures from key frame to key frame (50)")
    parser.add_argument("--key-gaps", default="", help="seconds from key frame to key frame, in turn: 1,20; h264 only, sets --keyint")
    parser.add_argument("--intra-refresh", action="store_true", help="stripes instead of key frames after the first, h264 only")
    parser.add_argument("--bframes", type=int, default=0, help="B-frames between others, h264 only (0)")
    parser.add_argument("--bitrate", type=int, default=4000, help="kbit/s (4000)")
    parser.add_argument("--pattern", default="ball", help="of videotestsrc: ball, smpte, smpte75, snow, … (ball)")
    parser.add_argument("--image", help="a PNG file that it shows instead of the pattern")
    parser.add_argument("--caps", default="", help="more of the raw picture's caps: colorimetry=bt709, format=Y444, …")
    parser.add_argument("--change", default="", help="SECONDS:CAPS, of the raw picture from then on: 5:width=320,height=240")
    parser.add_argument("--codec", choices=sorted(ENCODERS), default="h264", help="none: no video at all (h264)")
    parser.add_argument("--audio", action="store_true", help="an audio track as well (always with --codec none)")
    parser.add_argument("--no-clock", action="store_true", help="nothing written over the pattern")
    parser.add_argument("--user", help="only this user may watch")
    parser.add_argument("--password", default="", help="and this is the password")
    parser.add_argument("--auth", choices=("basic", "digest"), default="basic", help="how it is asked for (basic)")
    parser.add_argument("--tls-certificate", help="serves rtsps with this certificate (PEM)")
    parser.add_argument("--tls-key", help="and its key")
    parser.add_argument("--transport", choices=("tcp", "udp", "any"), default="any", help="what clients may choose (any)")
    return parser.parse_args()


def launch_line(args):
    width, height = args.size.split("x")
    parts = []
    if args.codec != "none":
        caps = f"video/x-raw,width={width},height={height},framerate={args.fps}/1"
        if args.caps:
            caps += "," + args.caps
        encoder = ENCODERS[args.codec].format(keyint=100000 if args.key_gaps else args.keyint, bframes=args.bframes,
                                              bitrate=args.bitrate, intra_refresh=args.intra_refresh)
        if args.bframes:
            encoder = encoder.replace("tune=zerolatency ", "").replace("! rtph264pay", "! video/x-h264,profile=main ! rtph264pay")
        clock = "" if args.no_clock else "! timeoverlay "
        source = f"videotestsrc is-live=1 pattern={args.pattern}"
        if args.image:
            source = f"filesrc location={args.image} ! pngdec ! imagefreeze is-live=1 ! videoconvert ! videorate"
        if args.change:  # the first caps stand in a filter that can be given others
            caps = f"capsfilter name=raw caps={caps}"
        parts.append(f"{source} ! {caps} {clock}! videoconvert ! {encoder}")
    if args.audio or args.codec == "none":
        number = 0 if args.codec == "none" else 1
        parts.append(f"audiotestsrc is-live=1 volume=0.1 ! alawenc ! rtppcmapay name=pay{number} pt=8")
    return "( " + " ".join(parts) + " )"


def protect(server, factory, args):
    """Lets in nobody but --user."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    if args.auth == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.set_realm(REALM)
        auth.add_digest(args.user, args.password, token)
    else:
        auth.set_realm(REALM)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(args.user, args.password), token)
    server.set_auth(auth)
    access = Gst.Structure.from_string(
        "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true;")[0]
    factory.add_role_from_structure(access)


def set_up_keys(encoder, gaps):
    """Asks the encoder for key frames at these distances, again and again."""
    turns = itertools.cycle(float(g) for g in gaps.split(","))

    def ask(first):
        if not first:
            encoder.send_event(GstVideo.video_event_new_upstream_force_key_unit(Gst.CLOCK_TIME_NONE, True, 0))
        GLib.timeout_add(int(next(turns) * 1000), ask, False)
        return False
    ask(True)


def set_up_change(caps_filter, change):
    seconds, _, caps = change.partition(":")
    old = caps_filter.get_property("caps").to_string()

    def apply():
        wanted = Gst.Structure.from_string("video/x-raw," + caps)[0]
        structure = Gst.Structure.from_string(old)[0]
        for i in range(wanted.n_fields()):
            name = wanted.nth_field_name(i)
            structure.set_value(name, wanted.get_value(name))
        caps_filter.set_property("caps", Gst.Caps.from_string(structure.to_string()))
        return False
    GLib.timeout_add(int(float(seconds) * 1000), apply)


def set_up_media(media, args):
    """Of the stream as it is made for its first viewer."""
    if args.key_gaps:
        set_up_keys(media.get_element().get_by_name("encoder"), args.key_gaps)
    if args.change:
        set_up_change(media.get_element().get_by_name("raw"), args.change)


def use_tls(server, args):
    auth = server.get_auth() or GstRtspServer.RTSPAuth()
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(args.tls_certificate, args.tls_key))
    server.set_auth(auth)


def main():
    args = parse_arguments()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(args.address)
    server.set_service(str(args.port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch_line(args))
    factory.set_shared(True)
    if args.transport != "any":
        factory.set_protocols(GstRtsp.RTSPLowerTrans.TCP if args.transport == "tcp" else GstRtsp.RTSPLowerTrans.UDP)
    if args.user is not None:
        protect(server, factory, args)
    if args.tls_certificate:
        use_tls(server, args)
        if args.user is None:  # everybody may watch
            factory.add_role_from_structure(Gst.Structure.from_string(
                "anonymous, media.factory.access=(boolean)true, media.factory.construct=(boolean)true;")[0])
            token = GstRtspServer.RTSPToken()
            token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "anonymous")
            server.get_auth().set_default_token(token)
    if args.key_gaps or args.change:
        factory.connect("media-configure", lambda _, media: set_up_media(media, args))
    server.get_mount_points().add_factory(args.path, factory)
    if server.attach(None) == 0:
        sys.exit(f"rtsp_server: cannot listen on {args.address} port {args.port}")

    loop = GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, loop.quit)
    # clients that went without a word are let go
    GLib.timeout_add_seconds(2, lambda: server.get_session_pool().cleanup() >= 0)
    print("ready", server.get_bound_port(), flush=True)
    loop.run()


if __name__ == "__main__":
    main()
