# SPDX-License-Identifier: Apache-2.0
#
# Loads the Homebrew formula with a class Formula of our own that notes what is
# called, and looks at that. No Homebrew here, so `brew audit` is for a Mac.
#
# usage: ruby formula.rb FORMULA

class Formula
  SET = {}
  DEPENDS = []
  RAN = []

  def self.note(*names)
    names.each do |name|
      define_singleton_method(name) { |value = nil| SET[name] = value }
    end
  end
  note :desc, :homepage, :url, :sha256, :license

  def self.depends_on(what)
    DEPENDS << what
  end

  def self.test(&block)
    SET[:test] = block
  end

  def self.method_missing(name, *)
    raise "the formula calls #{name}, which this check does not know"
  end

  def self.respond_to_missing?(*)
    false
  end

  def system(*words)
    RAN << words.map(&:to_s)
  end

  def std_configure_args
    ["--prefix=/opt/homebrew/Cellar/fethd/0"]
  end

  def opt_pkgshare
    "/opt/homebrew/opt/fethd/share/fethd"
  end

  def bin
    "/opt/homebrew/bin"
  end

  def version
    "0"
  end

  def shell_output(command)
    RAN << [command]
    "fethc 0"
  end

  def assert_match(what, text)
    raise "no match" unless text.include?(what)
  end
end

$failed = 0

def check(okay, what)
  $failed += 1 unless okay
  puts "#{okay ? 'PASS' : 'FAIL'}: #{what}"
end

path = ARGV.fetch(0)
text = File.read(path)
load path, false
f = Fethd.new
f.install
configure = Formula::RAN.find { |w| w[0] == "./configure" } || []
caveats = f.caveats
f.instance_exec(&Formula::SET[:test])

check(Formula::SET[:desc].length < 80 && !Formula::SET[:desc].start_with?("A "),
      "a description that audit takes")
check(%i[homepage url sha256 license].all? { |k| Formula::SET[k] },
      "homepage, source, checksum and licence")
check(Formula::DEPENDS.include?("libevent") && Formula::DEPENDS.include?("cjson"),
      "its libraries")
check(Formula::RAN.include?(["make", "install"]), "make install")
check(configure.include?("--enable-static-deps"),
      "root loads no library from a user's directory")
check(configure.any? { |w| w.start_with?("--sysconfdir=/opt/fethd/") },
      "the policy is not in a user's directory")
check(text !~ /^\s*service\s+do/ && text !~ /require_root/,
      "brew services does not run it as root")
check(Formula::RAN.flatten.none? { |w| w.include?("sudo") },
      "nothing is done as root behind the user's back")
check(caveats.include?("/opt/homebrew/opt/fethd/share/fethd/launchd/install.sh") &&
      caveats.include?("uninstall.sh"), "it says how to install the service")
check(Formula::RAN.flatten.any? { |w| w.include?("fethc --private version") },
      "the test runs the daemon without root")
exit($failed.zero?)
