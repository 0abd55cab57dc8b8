"""x11vnc on desktops of few bits a pixel: their colours arrive."""
import vnc_servers
import harness


class DepthTest(vnc_servers.Viewer):
    def setUp(self):
        super().setUp()
        vnc_servers.require()

    def test_x11vnc(self):
        """Desktops of 24, 16 and 8 bits."""
        for depth, colours in ((24, ("#3060c0", "#f02010", "#08c850")), (16, ("#f80000", "#00fc00", "#0000f8")), (8, ("#ffffff", "#000000"))):
            with self.subTest(depth):
                receiver = self.receive()
                desktop = vnc_servers.X11Vnc(self, depth=depth, size="400x300")
                sender = self.watch(f"127.0.0.1::{desktop.port}", "--state-dir", self.path(f"state-{depth}"))
                receiver.wait_live("desk")
                self.assertEqual(self.size(), (400, 300))
                for colour in colours:
                    desktop.fill(colour)
                    # the server decides how 5 and 6 bits become 8
                    self.wait_colour(350, 250, colour, tolerance=3 if depth == 24 else 8)
                desktop.run("xdotool", "mousemove", "200", "150")
                self.assertNotIn("lost", sender.log())
                sender.stop()
                receiver.stop()


if __name__ == "__main__":
    harness.main()
