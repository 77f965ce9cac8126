# Rake tasks for releases. Loaded by the Rakefile of every gem in this repository.

require 'rake'
require 'open3'
require 'rubygems/version'

module ReleaseTasks
  extend Rake::DSL

  CHANGELOG = 'CHANGELOG.md'

  module_function

  def sh!(*command)
    output, status = Open3.capture2e(*command)
    abort "#{command.join(' ')} failed:\n#{output}" unless status.success?
    output.strip
  end

  def version_file(gem)
    Dir["lib/#{gem}/version.rb"].first or abort "#{gem} has no version.rb"
  end

  def current_version(gem)
    File.read(version_file(gem))[/VERSION\s*=\s*['"]([^'"]+)['"]/, 1]
  end

  def bump(version, level)
    major, minor, patch = Gem::Version.new(version).segments.first(3)
    case level.to_sym
    when :major then "#{major + 1}.0.0"
    when :minor then "#{major}.#{minor + 1}.0"
    when :patch then "#{major}.#{minor}.#{patch.to_i + 1}"
    else abort "unknown level #{level}: major, minor or patch"
    end
  end

  # Everything between "## Unreleased" and the next heading.
  def unreleased
    File.read(CHANGELOG)[/^## Unreleased\n(.*?)(?=^## |\z)/m, 1].to_s.strip
  end

  def define(gem)
    namespace :release do
      desc 'Fail unless the working copy is clean and on the main branch'
      task :check do
        abort 'not on main' unless sh!('git', 'branch', '--show-current') == 'main'
        abort 'uncommitted changes' unless sh!('git', 'status', '--porcelain').empty?
        abort 'nothing to release' if unreleased.empty?
      end

      desc 'Set the next version: rake release:bump[minor]'
      task :bump, [:level] => :check do |_task, args|
        args.with_defaults(level: 'patch')
        old = current_version(gem)
        new = bump(old, args[:level])

        path = version_file(gem)
        File.write(path, File.read(path).sub(old, new))
        text = File.read(CHANGELOG)
        File.write(CHANGELOG, text.sub(/^## Unreleased$/) { "## Unreleased\n\n## #{new} (#{Time.now.strftime('%F')})" })

        sh!('git', 'commit', '-am', "Release #{gem} #{new}")
        sh!('git', 'tag', '-a', "v#{new}", '-m', unreleased)
        puts "#{old} -> #{new}"
      end

      desc 'Build the gem into pkg/'
      task build: :check do
        mkdir_p 'pkg'
        sh!('gem', 'build', "#{gem}.gemspec", '--output', "pkg/#{gem}-#{current_version(gem)}.gem")
      end

      desc 'Print what the next release will say'
      task(:notes) { puts unreleased.gsub(/^/, '  ') }
    end
  end
end
