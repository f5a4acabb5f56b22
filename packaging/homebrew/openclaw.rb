# The formula for Homebrew. Before a release, set `url` to its archive of the source and `sha256` to that archive's.
# Tested: its syntax (`ruby -c`) where there is a ruby, and the commands of `install`, which are the Makefile's and run on
# Linux in tests/package. Not tested: `brew install` itself, and anything on macOS, since neither was at hand.
class Openclaw < Formula
  desc "Profile-isolated multi-gateway supervisor for OpenClaw"
  homepage "https://openclaw.ai"
  url "file:///path/to/openclaw-supervisor-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "rust" => :build

  def install
    system "make", "install", "PREFIX=#{prefix}"
    # Units of systemd mean nothing on macOS; there it is `openclaw service install` that writes a property list.
    rm_r lib/"systemd" if OS.mac?
  end

  def caveats
    <<~EOS
      A supervisor that runs goes over to a new version, with no gateway restarted:
        openclaw supervisor reload
      To have it from login on:
        openclaw service install
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/openclaw --version")
    assert_match "profiles", shell_output("#{bin}/openclaw profile list --json")
  end
end
