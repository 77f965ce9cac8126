<?php

declare(strict_types=1);

namespace App\Command;

use App\Entity\Product;
use App\Repository\ProductRepository;
use Doctrine\ORM\EntityManagerInterface;
use Psr\Log\LoggerInterface;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;
use Symfony\Component\Console\Style\SymfonyStyle;

#[AsCommand(name: 'app:import-feed', description: 'Imports the price list of a wholesaler')]
final class ImportFeedCommand extends Command
{
    private const BATCH = 250;

    public function __construct(
        private readonly EntityManagerInterface $em,
        private readonly ProductRepository $products,
        private readonly LoggerInterface $logger,
    ) {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this
            ->addArgument('file', InputArgument::REQUIRED, 'XML file, or a URL that gives one')
            ->addOption('dry-run', 'd', InputOption::VALUE_NONE, 'Write nothing')
            ->addOption('margin', 'm', InputOption::VALUE_REQUIRED, 'Per cent put on top', '18');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $io = new SymfonyStyle($input, $output);
        $factor = 1 + (float) $input->getOption('margin') / 100;
        $seen = $created = $changed = 0;

        foreach ($this->articles($input->getArgument('file')) as $article) {
            $seen++;
            $price = (int) round($article['price'] * $factor * 100);
            $product = $this->products->findOneBy(['ean' => $article['ean']]);
            if ($product === null) {
                $product = new Product($article['ean'], $article['name']);
                $this->em->persist($product);
                $created++;
            }
            if ($product->getPrice() !== $price) {
                $jump = $product->getPrice() ? abs($price / $product->getPrice() - 1) : 0;
                if ($jump > 0.5) {
                    $this->logger->warning('Price of {ean} jumps, left alone', ['ean' => $article['ean']]);
                    continue;
                }
                $product->setPrice($price);
                $changed++;
            }
            // The feed has half a million articles, and the unit of work would keep them all.
            if ($seen % self::BATCH === 0 && !$input->getOption('dry-run')) {
                $this->em->flush();
                $this->em->clear();
            }
        }

        $input->getOption('dry-run') || $this->em->flush();
        $io->success("{$seen} articles, {$created} new, {$changed} with another price");

        return $seen > 0 ? Command::SUCCESS : Command::FAILURE;
    }

    /** @return \Generator<array{ean: string, name: string, price: float}> */
    private function articles(string $file): \Generator
    {
        $reader = new \XMLReader();
        if (!@$reader->open($file)) {
            throw new \RuntimeException("cannot open $file");
        }
        try {
            while ($reader->read()) {
                if ($reader->nodeType !== \XMLReader::ELEMENT || $reader->localName !== 'article') {
                    continue;
                }
                $node = new \SimpleXMLElement($reader->readOuterXml());
                yield [
                    'ean' => str_pad((string) $node->ean, 13, '0', STR_PAD_LEFT),
                    'name' => trim((string) $node->name),
                    'price' => (float) strtr((string) $node->price, ',', '.'),
                ];
            }
        } finally {
            $reader->close();
        }
    }
}
